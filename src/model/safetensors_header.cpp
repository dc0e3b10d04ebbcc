#include "src/model/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <utility>

#include "mlpjit/error.h"

namespace mlpjit::detail {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 15> kElementSizes = {{{"F64", 8},
                                                                             {"F32", 4},
                                                                             {"F16", 2},
                                                                             {"BF16", 2},
                                                                             {"I64", 8},
                                                                             {"I32", 4},
                                                                             {"I16", 2},
                                                                             {"I8", 1},
                                                                             {"U64", 8},
                                                                             {"U32", 4},
                                                                             {"U16", 2},
                                                                             {"U8", 1},
                                                                             {"BOOL", 1},
                                                                             {"F8_E4M3", 1},
                                                                             {"F8_E5M2", 1}}};

// Takes the events of RapidJSON's reader. The format nests three deep; anything deeper, or of
// another type, ends the parse, so that neither depth nor size of a hostile header costs more than
// reading it once.
class HeaderHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, HeaderHandler> {
 public:
  Header header;
  std::string problem;  // what was expected, when a callback gave false

  bool Default() { return unexpected(); }
  bool StartObject() {
    switch (state_) {
      case State::begin: return enter(State::root);
      case State::metadata: return enter(State::metadata_key);
      case State::tensor: return enter(State::field);
      default: return unexpected();
    }
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    const std::string key(text, length);
    switch (state_) {
      case State::root: return root_key(key);
      case State::metadata_key:
        if (header.metadata.contains(key)) return fail("the key '" + key + "' appears twice");
        key_ = key;
        return enter(State::metadata_value);
      case State::field: return field_key(key);
      default: return unexpected();
    }
  }
  bool EndObject(rapidjson::SizeType) {
    switch (state_) {
      case State::root: return enter(State::end);
      case State::metadata_key: return enter(State::root);
      case State::field:
        if (fields_ != kAllFields) return fail("a tensor has 'dtype', 'shape' and 'data_offsets'");
        return enter(State::root);
      default: return unexpected();
    }
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (state_ == State::metadata_value) {
      header.metadata.emplace(key_, std::string(text, length));
      return enter(State::metadata_key);
    }
    if (state_ != State::dtype) return unexpected();
    header.entries.back().dtype.assign(text, length);
    return enter(State::field);
  }
  bool StartArray() {
    if (state_ == State::shape) return enter(State::shape_item);
    if (state_ == State::offsets) return enter(State::offsets_item);
    return unexpected();
  }
  bool EndArray(rapidjson::SizeType count) {
    if (state_ == State::offsets_item && count != 2) return fail("'data_offsets' has two numbers");
    if (state_ != State::shape_item && state_ != State::offsets_item) return unexpected();
    return enter(State::field);
  }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Uint64(std::uint64_t value) {
    HeaderEntry* entry = header.entries.empty() ? nullptr : &header.entries.back();
    if (state_ == State::shape_item) {
      if (value > static_cast<std::uint64_t>(INT64_MAX)) return fail("a size below 2^63");
      entry->shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (state_ == State::offsets_item) {
      (offsets_++ == 0 ? entry->begin : entry->end) = value;
      return offsets_ <= 2 || fail("'data_offsets' has two numbers");
    }
    return unexpected();
  }

 private:
  enum class State {
    begin,
    root,
    metadata,
    metadata_key,
    metadata_value,
    tensor,
    field,
    dtype,
    shape,
    shape_item,
    offsets,
    offsets_item,
    end
  };
  static constexpr unsigned kAllFields = 7;

  bool enter(State state) {
    state_ = state;
    return true;
  }
  bool fail(std::string what) {
    problem = std::move(what);
    return false;
  }
  bool unexpected() {
    switch (state_) {
      case State::begin: return fail("an object");
      case State::metadata: return fail("'__metadata__' is an object");
      case State::metadata_value: return fail("the values of '__metadata__' are strings");
      case State::tensor:
        return fail("a tensor is an object with 'dtype', 'shape' and 'data_offsets'");
      case State::dtype: return fail("'dtype' is a string");
      case State::shape:
      case State::shape_item: return fail("'shape' is an array of non-negative integers");
      case State::offsets:
      case State::offsets_item:
        return fail("'data_offsets' is an array of two non-negative integers");
      default: return fail("a header of safetensors");
    }
  }
  bool root_key(const std::string& key) {
    if (!names_.insert(key).second) return fail("the name '" + key + "' appears twice");
    if (key == "__metadata__") return enter(State::metadata);
    header.entries.push_back({key, {}, {}, 0, 0});
    fields_ = 0;
    offsets_ = 0;
    return enter(State::tensor);
  }
  bool field_key(const std::string& key) {
    static constexpr std::array<std::pair<std::string_view, State>, 3> kFields = {
        {{"dtype", State::dtype}, {"shape", State::shape}, {"data_offsets", State::offsets}}};
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      if (kFields[i].first != key) continue;
      if ((fields_ & (1U << i)) != 0) return fail("the key '" + key + "' appears twice");
      fields_ |= 1U << i;
      return enter(kFields[i].second);
    }
    return fail("a tensor has 'dtype', 'shape' and 'data_offsets', nothing else");
  }

  State state_ = State::begin;
  std::set<std::string> names_;
  std::string key_;
  unsigned fields_ = 0;
  int offsets_ = 0;
};

}  // namespace

std::uint64_t safetensors_element_size(std::string_view dtype) {
  for (const auto& [name, size] : kElementSizes) {
    if (name == dtype) return static_cast<std::uint64_t>(size);
  }
  return 0;
}

Header parse_header(std::string_view text, const std::string& file, std::uint64_t first_byte) {
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  HeaderHandler handler;
  const auto outcome = reader.Parse<kFlags>(stream, handler);
  if (outcome.IsError()) {
    const std::string what = handler.problem.empty()
                                 ? std::string(rapidjson::GetParseError_En(outcome.Code()))
                                 : "expected: " + handler.problem;
    throw FormatError(
        fmt::format("{}: byte {}: header: {}", file, first_byte + outcome.Offset(), what));
  }
  if (stream.Tell() != text.size()) {
    throw FormatError(
        fmt::format("{}: byte {}: header: expected nothing but spaces after the object", file,
                    first_byte + stream.Tell()));
  }
  return std::move(handler.header);
}

void check_header(const Header& header, const std::string& file, std::uint64_t first_data_byte,
                  std::uint64_t data_bytes) {
  for (const HeaderEntry& entry : header.entries) {
    const auto fail = [&](const std::string& what) {
      throw FormatError(fmt::format("{}: tensor '{}': {}", file, entry.name, what));
    };
    std::uint64_t bytes = safetensors_element_size(entry.dtype);
    const bool known = bytes != 0;
    for (const std::int64_t size : entry.shape) {
      if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
        fail(fmt::format("{} [{}] is too large", entry.dtype, fmt::join(entry.shape, ", ")));
      }
    }
    if (entry.begin > entry.end || entry.end > data_bytes) {
      fail(fmt::format("data_offsets [{}, {}] lie outside the {} bytes of data", entry.begin,
                       entry.end, data_bytes));
    }
    if (known && entry.end - entry.begin != bytes) {
      fail(fmt::format("{} [{}] takes {} bytes, data_offsets [{}, {}] give {}", entry.dtype,
                       fmt::join(entry.shape, ", "), bytes, entry.begin, entry.end,
                       entry.end - entry.begin));
    }
  }
  std::vector<std::size_t> order(header.entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const HeaderEntry &x = header.entries[a], &y = header.entries[b];
    return std::pair(x.begin, x.end) < std::pair(y.begin, y.end);
  });
  std::uint64_t covered = 0;
  for (const std::size_t i : order) {
    const HeaderEntry& entry = header.entries[i];
    if (entry.begin != covered) {
      throw FormatError(
          fmt::format("{}: tensor '{}': its data begin at byte {}, expected {}: {}", file,
                      entry.name, first_data_byte + entry.begin, first_data_byte + covered,
                      entry.begin < covered ? "tensors overlap" : "bytes belong to no tensor"));
    }
    covered = entry.end;
  }
  if (covered != data_bytes) {
    throw FormatError(fmt::format("{}: byte {}: expected the end of the file, found {} bytes more",
                                  file, first_data_byte + covered, data_bytes - covered));
  }
}

std::string format_header(const Header& header) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                    rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>
      writer(buffer);
  const auto string = [&](const std::string& text) {
    if (!writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()))) {
      throw UserError(fmt::format("safetensors: names and metadata are UTF-8, '{}' is not", text));
    }
  };
  writer.StartObject();
  if (!header.metadata.empty()) {
    writer.Key("__metadata__");
    writer.StartObject();
    for (const auto& [key, value] : header.metadata) {
      string(key);
      string(value);
    }
    writer.EndObject();
  }
  for (const HeaderEntry& entry : header.entries) {
    string(entry.name);
    writer.StartObject();
    writer.Key("dtype");
    string(entry.dtype);
    writer.Key("shape");
    writer.StartArray();
    for (const std::int64_t size : entry.shape) writer.Int64(size);
    writer.EndArray();
    writer.Key("data_offsets");
    writer.StartArray();
    writer.Uint64(entry.begin);
    writer.Uint64(entry.end);
    writer.EndArray();
    writer.EndObject();
  }
  writer.EndObject();
  std::string text = buffer.GetString();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace mlpjit::detail
