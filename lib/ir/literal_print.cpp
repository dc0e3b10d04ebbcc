// Writes numbers and constants.

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "lib/ir/literal_text.h"

namespace mlpjit::ir {
namespace {

constexpr std::int64_t kLongestList = 64;  // elements; beyond, hexadecimal bytes
constexpr std::int64_t kShortestFill = 8;  // elements
constexpr std::size_t kColumns = 100;
constexpr std::size_t kHexColumns = 64;

template <class T>
std::string float_text(T value) {
  if (std::isnan(value)) return "nan";
  return fmt::format("{}", value);
}

std::string element_text(const Literal& literal, std::int64_t i) {
  const std::byte* at =
      literal.bytes->data() + static_cast<std::size_t>(i) * size_of(literal.dtype);
  const auto read = [at](auto value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  switch (literal.dtype) {
    case DType::f32: return float_text(read(float{}));
    case DType::f64: return float_text(read(double{}));
    case DType::i32: return fmt::format("{}", read(std::int32_t{}));
    case DType::i64: return fmt::format("{}", read(std::int64_t{}));
    case DType::boolean: return read(std::uint8_t{}) != 0 ? "true" : "false";
  }
  return "?";
}

bool uniform(const Literal& literal) {
  const std::size_t element = size_of(literal.dtype);
  const std::vector<std::byte>& bytes = *literal.bytes;
  return std::memcmp(bytes.data(), bytes.data() + element, bytes.size() - element) == 0;
}

void append_hex(std::string& text, const std::vector<std::byte>& bytes, std::size_t begin,
                std::size_t end) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = begin; i < end; ++i) {
    text += kDigits[static_cast<unsigned>(bytes[i]) >> 4];
    text += kDigits[static_cast<unsigned>(bytes[i]) & 15];
  }
}

// Elements in nested brackets, broken between elements where a line would grow too long.
class ListWriter {
 public:
  ListWriter(const Literal& literal, int indent, std::string& text)
      : literal_(literal), indent_(indent), text_(text) {}

  void write(int axis) {
    if (axis == literal_.shape.rank()) {
      const std::string element = element_text(literal_, next_++);
      if (column_ + element.size() > kColumns - static_cast<std::size_t>(indent_)) break_line();
      append(element);
      return;
    }
    append("[");
    const std::int64_t count = literal_.shape.sizes()[static_cast<std::size_t>(axis)];
    for (std::int64_t i = 0; i < count; ++i) {
      if (i > 0) append(", ");
      write(axis + 1);
    }
    append("]");
  }

 private:
  void append(std::string_view part) {
    text_ += part;
    column_ += part.size();
  }
  void break_line() {
    while (!text_.empty() && text_.back() == ' ') text_.pop_back();
    text_ += '\n';
    text_.append(static_cast<std::size_t>(indent_) + 4, ' ');
    column_ = 4;
  }

  const Literal& literal_;
  int indent_;
  std::string& text_;
  std::int64_t next_ = 0;
  std::size_t column_ = 32;  // what usually stands before the first element
};

}  // namespace

std::string number_text(double value) {
  return float_text(value);
}

std::string literal_text(const Literal& literal, int indent) {
  std::string text = to_string(literal.type()) + " ";
  const std::int64_t size = literal.shape.size();
  if (size == 0) return text + "[]";
  if (size >= kShortestFill && uniform(literal)) return text + "fill " + element_text(literal, 0);
  if (size <= kLongestList) {
    ListWriter(literal, indent, text).write(0);
    return text;
  }
  const std::vector<std::byte>& bytes = *literal.bytes;
  text += "hex";
  for (std::size_t i = 0; i < bytes.size(); i += kHexColumns / 2) {
    text += '\n';
    text.append(static_cast<std::size_t>(indent) + 4, ' ');
    text += '"';
    append_hex(text, bytes, i, std::min(bytes.size(), i + kHexColumns / 2));
    text += '"';
  }
  return text;
}

std::string literal_bytes_text(const Literal& literal) {
  std::string text = to_string(literal.type()) + " hex \"";
  append_hex(text, *literal.bytes, 0, literal.bytes->size());
  return text + '"';
}

}  // namespace mlpjit::ir
