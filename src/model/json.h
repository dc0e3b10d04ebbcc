#pragma once
// JSON as values with their places, read with limits and written to be looked at. For files from
// outside: no text can exhaust the stack, claim memory beyond what its limits allow, or hold a name
// twice.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mlpjit::detail {

struct Json {
  // As written: the reader of a value decides whether it wants an integer, an f32 or an f64.
  struct Number {
    std::string text;
    friend bool operator==(const Number&, const Number&) = default;
  };
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  std::variant<std::nullptr_t, bool, Number, std::string, Array, Object> value;
  std::uint32_t at = 0;  // byte of the text where it begins

  const Array* array() const { return std::get_if<Array>(&value); }
  const Object* object() const { return std::get_if<Object>(&value); }
  const std::string* string() const { return std::get_if<std::string>(&value); }
  const Number* number() const { return std::get_if<Number>(&value); }
  // The member of that name of an object, or null.
  const Json* find(std::string_view name) const;
};

struct Json::Member {
  std::string name;
  Json value;
  std::uint32_t at = 0;  // of the name
};

// "an object", "a string": for messages.
std::string_view kind_of(const Json& json);

// A text and the name of its file, for messages.
class JsonText {
 public:
  JsonText(std::string file, std::string text);
  const std::string& file() const { return file_; }
  const std::string& text() const { return text_; }
  // Line and column of a byte, from 1; columns count bytes.
  std::pair<std::uint32_t, std::uint32_t> position(std::uint32_t at) const;
  // Throws FormatError "<file>:<line>:<column>: <what>".
  [[noreturn]] void fail(std::uint32_t at, const std::string& what) const;

 private:
  std::string file_, text_;
  std::vector<std::uint32_t> lines_;  // where each begins
};

inline constexpr std::size_t kMaxJsonBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxJsonValues = std::size_t{1} << 21;
inline constexpr std::size_t kMaxJsonDepth = 512;

// Throws FormatError on anything but one JSON value within the limits above, UTF-8, without names
// that appear twice in an object and without anything behind it.
Json parse_json(const JsonText& source);

// Values that fit a line stand on one. Throws UserError on a string that is not UTF-8.
std::string to_text(const Json& json);

}  // namespace mlpjit::detail
