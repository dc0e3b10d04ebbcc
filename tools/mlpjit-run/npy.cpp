#include "tools/mlpjit-run/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "mlpjit/error.h"

namespace mlpjit::run {
namespace {

constexpr std::size_t kMostHeaderBytes = 1 << 16;
constexpr std::size_t kMostStringBytes = 1 << 20;
constexpr std::size_t kMostRowBytes = std::size_t{1} << 30;
constexpr std::size_t kMostAxes = 64;  // of numpy
constexpr std::size_t kAlignment = 64;

// The text of a header, a literal of Python: {'descr': '<f4', 'fortran_order': False,
// 'shape': (3, 4), }.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  NpyHeader parse() {
    expect('{');
    while (!take('}')) {
      const std::string key = quoted_text();
      expect(':');
      if (key == "descr") {
        descr_ = type();
      } else if (key == "fortran_order") {
        fortran_ = boolean();
      } else if (key == "shape") {
        shape_ = tuple();
      } else {
        fail(fmt::format("unknown key '{}'", key));
      }
      if (!take(',') && !ahead('}')) fail("expected , or }");
    }
    if (!descr_ || !fortran_ || !shape_) fail("expected descr, fortran_order and shape");
    check();
    // Where one axis alone is long there is no order; nor where there are no bytes.
    const auto order =
        std::count_if(shape_->begin(), shape_->end(), [](auto size) { return size > 1; });
    const bool empty = descr_->size == 0 || std::count(shape_->begin(), shape_->end(), 0) > 0;
    return {*descr_, *shape_, *fortran_ && order > 1 && !empty};
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw UserError(fmt::format("{}: the header of .npy cannot be read: {}", name_, why));
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw UserError(fmt::format("{}: {}", name_, why));
  }
  bool ahead(char c) {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
    return text_.starts_with(c);
  }
  bool take(char c) {
    if (!ahead(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(fmt::format("expected {}", c));
  }

  std::string quoted_text() {
    const char quote = ahead('"') ? '"' : '\'';
    expect(quote);
    const std::size_t end = text_.find(quote);
    if (end == std::string_view::npos) fail("quotes that are not closed");
    std::string result(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return result;
  }

  bool boolean() {
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      ahead(word[0]);
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    fail("expected True or False");
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!take(')')) {
      ahead(')');
      std::int64_t& size = sizes.emplace_back();
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) fail("expected sizes");
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      take('L');  // a long of Python 2
      if (!take(',') && !ahead(')')) fail("expected , or )");
      if (sizes.size() > kMostAxes) fail(fmt::format("more than {} axes", kMostAxes));
    }
    return sizes;
  }

  NpyType type() {
    if (ahead('[')) {
      refuse(
          "its elements are records (a structured dtype): save each field as an array of its "
          "own, np.savez(file, x=a['x'], y=a['y'])");
    }
    const std::string text = quoted_text();
    constexpr std::string_view kOrders = "<>|=", kKinds = "biufUS";
    if (text.size() < 2 || kOrders.find(text[0]) == std::string_view::npos)
      fail(fmt::format("dtype '{}'", text));
    if (text[1] == 'O') {
      refuse(
          "its elements are objects of Python (a pickle), which only Python reads: save "
          "numbers or strings, a.astype(np.float32) or a.astype(str)");
    }
    std::size_t size = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + 2, last, size);
    const auto kind = static_cast<NpyKind>(text[1]);
    if (kKinds.find(text[1]) == std::string_view::npos || error != std::errc() || end != last ||
        !is_known(kind, size))
      refuse(
          fmt::format("dtype '{}' is neither numbers nor strings that can be read: "
                      "a.astype(np.float32), or np.float64, np.int64, bool, str",
                      text));
    return {kind, kind == NpyKind::text ? 4 * size : size, text[0] == '>'};
  }

  static bool is_known(NpyKind kind, std::size_t size) {
    switch (kind) {
      case NpyKind::boolean: return size == 1;
      case NpyKind::integer:
      case NpyKind::natural: return size == 1 || size == 2 || size == 4 || size == 8;
      case NpyKind::floating: return size == 2 || size == 4 || size == 8;
      case NpyKind::text: return size <= kMostStringBytes / 4;
      case NpyKind::bytes: return size <= kMostStringBytes;
    }
    return false;
  }

  // That it has rows, and of a size that can be.
  void check() const {
    if (shape_->empty())
      refuse("one number, not an array of rows: a.reshape(1, -1) makes it one row");
    std::size_t bytes = std::max<std::size_t>(descr_->size, 1);
    for (std::size_t axis = 1; axis < shape_->size(); ++axis) {
      const auto size = static_cast<std::size_t>((*shape_)[axis]);
      if (size > 0 && bytes > kMostRowBytes / size)
        refuse(fmt::format("rows of {} have more than {} MiB each", npy_shape(*shape_),
                           kMostRowBytes >> 20));
      bytes *= size;
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::optional<NpyType> descr_;
  std::optional<bool> fortran_;
  std::optional<std::vector<std::int64_t>> shape_;
};

void read_exactly(ByteSource& bytes, char* to, std::size_t size) {
  if (bytes.read(to, size) != size)
    throw UserError(fmt::format("{}: ends within the header of .npy", bytes.name()));
}

}  // namespace

std::string to_string(const NpyType& type) {
  const char order = type.unit() == 1 ? '|' : type.big_endian ? '>' : '<';
  return fmt::format("{}{}{}", order, static_cast<char>(type.kind),
                     type.kind == NpyKind::text ? type.size / 4 : type.size);
}

std::string npy_shape(const std::vector<std::int64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

std::size_t NpyHeader::columns() const {
  std::size_t count = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis)
    count *= static_cast<std::size_t>(shape[axis]);
  return count;
}

NpyHeader read_npy_header(ByteSource& bytes) {
  char start[8];
  if (bytes.read(start, sizeof start) != sizeof start ||
      !std::string_view(start, 6).starts_with(kNpyMagic))
    throw UserError(fmt::format("{}: is no array of numpy (.npy)", bytes.name()));
  const int version = static_cast<unsigned char>(start[6]);
  if (version < 1 || version > 3)
    throw UserError(
        fmt::format("{}: .npy of version {}: expected 1, 2 or 3", bytes.name(), version));
  unsigned char digits[4] = {};
  read_exactly(bytes, reinterpret_cast<char*>(digits), version == 1 ? 2 : 4);
  const std::size_t size = digits[0] | std::size_t{digits[1]} << 8 | std::size_t{digits[2]} << 16 |
                           std::size_t{digits[3]} << 24;
  if (size > kMostHeaderBytes)
    throw UserError(fmt::format("{}: a header of {} bytes: expected {} at most", bytes.name(), size,
                                kMostHeaderBytes));
  std::string text(size, ' ');
  read_exactly(bytes, text.data(), size);
  return HeaderText(text, bytes.name()).parse();
}

std::string npy_header(const NpyHeader& header) {
  const auto text = [&](const NpyHeader& of) {
    return fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}",
                       to_string(of.type), npy_shape(of.shape));
  };
  constexpr std::size_t kStart = kNpyMagic.size() + 4;
  NpyHeader longest = header;
  longest.shape[0] = INT64_MAX;
  const std::size_t most = kStart + text(longest).size() + 1;  // and a line's end
  const std::size_t size = (most + kAlignment - 1) / kAlignment * kAlignment - kStart;
  std::string result(kNpyMagic);
  result += {'\1', '\0', static_cast<char>(size & 0xff), static_cast<char>(size >> 8)};
  std::string line = text(header);
  line.resize(size - 1, ' ');
  return result + line + "\n";
}

}  // namespace mlpjit::run
