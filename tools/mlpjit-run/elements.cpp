#include "tools/mlpjit-run/elements.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace mlpjit::run {
namespace {

struct Half {
  std::uint16_t bits;
};
struct NpyBool {
  std::uint8_t byte;
};

float number_of(Half half) {
  const int exponent = half.bits >> 10 & 31, fraction = half.bits & 1023;
  const float magnitude = exponent == 31 ? fraction == 0 ? INFINITY : NAN
                          : exponent == 0
                              ? std::ldexp(static_cast<float>(fraction), -24)
                              : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return std::copysign(magnitude, half.bits >> 15 != 0 ? -1.F : 1.F);
}
int number_of(NpyBool element) {
  return element.byte != 0 ? 1 : 0;
}
template <class T>
T number_of(T number) {
  return number;
}

template <class T>
T loaded(const char* bytes) {
  T element;
  std::memcpy(&element, bytes, sizeof element);
  return element;
}

template <class To, class Number>
bool convert_one(Number number, To& to) {
  if constexpr (std::is_floating_point_v<To>) {
    to = static_cast<To>(number);
    return true;
  } else {
    std::int64_t whole = 0;
    if constexpr (std::is_floating_point_v<Number>) {
      if (!to_whole(static_cast<double>(number), whole)) return false;
    } else {
      if (!std::in_range<std::int64_t>(number)) return false;
      whole = static_cast<std::int64_t>(+number);
    }
    to = static_cast<To>(whole);
    return holds(dtype_of<To>, whole);
  }
}

template <class From, class To>
std::size_t convert_all(const char* bytes, std::size_t count, void* to) {
  auto* const elements = static_cast<To*>(to);
  for (std::size_t i = 0; i < count; ++i) {
    if (!convert_one(number_of(loaded<From>(bytes + i * sizeof(From))), elements[i])) return i;
  }
  return count;
}

// Calls `use` with a value of the C++ type of an array's numbers.
template <class Use>
auto with_type(const NpyType& type, const Use& use) {
  switch (type.kind) {
    case NpyKind::boolean: return use(NpyBool{});
    case NpyKind::integer:
      switch (type.size) {
        case 1: return use(std::int8_t{});
        case 2: return use(std::int16_t{});
        case 4: return use(std::int32_t{});
        default: return use(std::int64_t{});
      }
    case NpyKind::natural:
      switch (type.size) {
        case 1: return use(std::uint8_t{});
        case 2: return use(std::uint16_t{});
        case 4: return use(std::uint32_t{});
        default: return use(std::uint64_t{});
      }
    case NpyKind::floating:
      switch (type.size) {
        case 2: return use(Half{});
        case 4: return use(float{});
        default: return use(double{});
      }
    case NpyKind::text:
    case NpyKind::bytes: break;
  }
  throw InternalError("strings are no numbers");
}

void append_utf8(std::string& text, std::uint32_t code) {
  if (code > 0x10FFFF) code = 0xFFFD;
  const auto rest = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += {static_cast<char>(0xC0 | code >> 6), rest(0)};
  } else if (code < 0x10000) {
    text += {static_cast<char>(0xE0 | code >> 12), rest(6), rest(0)};
  } else {
    text += {static_cast<char>(0xF0 | code >> 18), rest(12), rest(6), rest(0)};
  }
}

}  // namespace

bool holds(DType dtype, std::int64_t number) {
  switch (dtype) {
    case DType::i32: return std::in_range<std::int32_t>(number);
    case DType::boolean: return number == 0 || number == 1;
    default: return true;
  }
}

bool to_whole(double number, std::int64_t& whole) {
  constexpr double kBound = 9223372036854775808.0;  // 2^63
  if (!(number >= -kBound && number < kBound) || number != std::trunc(number)) return false;
  whole = static_cast<std::int64_t>(number);
  return true;
}

std::size_t convert(const NpyType& from, const char* bytes, std::size_t count, DType dtype,
                    void* to) {
  return with_type(from, [&]<class From>(From) {
    switch (dtype) {
      case DType::f32: return convert_all<From, float>(bytes, count, to);
      case DType::f64: return convert_all<From, double>(bytes, count, to);
      case DType::i32: return convert_all<From, std::int32_t>(bytes, count, to);
      case DType::i64: return convert_all<From, std::int64_t>(bytes, count, to);
      case DType::boolean: break;
    }
    return convert_all<From, bool>(bytes, count, to);
  });
}

std::string string_of(const NpyType& type, const char* bytes) {
  std::string text;
  if (type.kind == NpyKind::bytes) {
    text.assign(bytes, type.size);
  } else {
    for (std::size_t i = 0; i < type.size; i += 4)
      append_utf8(text, loaded<std::uint32_t>(bytes + i));
  }
  text.erase(text.find_last_not_of('\0') + 1);
  return text;
}

std::string shown(const NpyType& type, const char* bytes) {
  if (type.is_string()) return fmt::format("'{}'", string_of(type, bytes));
  return with_type(
      type, [&]<class From>(From) { return fmt::format("{}", number_of(loaded<From>(bytes))); });
}

}  // namespace mlpjit::run
