#include "test/programs/values.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>

#include <fmt/format.h>

#include "mlpjit/error.h"

namespace mlpjit::test {

namespace {

template <class F>
auto with_type(DType dtype, const F& f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    case DType::boolean: return f(std::uint8_t{});
  }
  throw InternalError("values: unknown dtype");
}

template <class T>
std::vector<T> special_numbers() {
  using L = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>) {
    return {T(0),        -T(0),  L::quiet_NaN(),   L::infinity(), -L::infinity(), L::denorm_min(),
            T(1),        -T(1),  -L::denorm_min(), L::min(),      -L::min() / 2,  L::max(),
            L::lowest(), T(0.5), T(-2.5),          T(3),          T(-7.25),       T(1e-3),
            T(88),       T(1.5), T(2147483648.0),  T(-9.3e18)};
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    return {1, 0};
  } else {
    return {0, 1, -1, L::max(), L::lowest(), 2, -3, 7, 100, -64};
  }
}

template <class T>
T ordinary_number(std::mt19937_64& random) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(std::uniform_real_distribution<double>(-3, 3)(random));
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    return static_cast<T>(random() % 2);
  } else {
    return static_cast<T>(static_cast<std::int64_t>(random() % 41) - 20);
  }
}

template <class T>
void draw(std::span<T> to, std::uint64_t seed, Numbers numbers, std::size_t rotation,
          std::mt19937_64& random) {
  const std::vector<T> special = special_numbers<T>();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (numbers == Numbers::special && seed == 0)
      to[i] = special[(i + rotation) % special.size()];
    else if (numbers == Numbers::special || (numbers == Numbers::mixed && random() % 7 == 0))
      to[i] = special[random() % special.size()];
    else
      to[i] = ordinary_number<T>(random);
  }
}

template <class T>
std::span<T> elements(const Value& value) {
  return {reinterpret_cast<T*>(value.data()), value.bytes() / sizeof(T)};
}

template <class T>
std::string first_difference(std::span<const T> want, std::span<const T> got) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    // First: a comparison of floats may trap where the caller says so.
    if (std::memcmp(&want[i], &got[i], sizeof(T)) == 0) continue;
    if (want[i] != want[i] && got[i] != got[i]) continue;
    return fmt::format("element {}: {} against {}", i, want[i], got[i]);
  }
  return {};
}

}  // namespace

Value make_value(const ir::Type& type) {
  if (type.token) return {type, nullptr};
  Value value{type, support::Storage::allocate(byte_size(type))};
  if (value.bytes() > 0)
    std::memset(value.data(), type.dtype == DType::boolean ? 1 : 0x55, value.bytes());
  return value;
}

Value make_value(const ir::Type& type, const std::vector<double>& numbers) {
  Value value = make_value(type);
  with_type(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    const std::span<T> to = elements<T>(value);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(numbers.at(i));
  });
  return value;
}

Values make_values(std::span<const ir::Type> types) {
  Values values;
  for (const ir::Type& type : types) values.push_back(make_value(type));
  return values;
}

Values draw_values(std::span<const ir::Type> types, std::uint64_t seed, Numbers numbers) {
  std::mt19937_64 random(seed);
  Values values = make_values(types);
  for (std::size_t i = 0; i < values.size(); ++i) {
    with_type(values[i].type.dtype, [&](auto zero) {
      draw(elements<decltype(zero)>(values[i]), seed, numbers, i, random);
    });
  }
  return values;
}

Values copy(const Values& values) {
  Values copies;
  for (const Value& value : values) {
    copies.push_back(make_value(value.type));
    if (value.bytes() > 0) std::memcpy(copies.back().data(), value.data(), value.bytes());
  }
  return copies;
}

std::vector<interp::View> views(const Values& values) {
  std::vector<interp::View> result;
  for (const Value& value : values) result.push_back(value.view());
  return result;
}

std::vector<runtime::Argument> arguments(const Values& values) {
  std::vector<runtime::Argument> result;
  for (const Value& value : values) result.push_back(value.argument());
  return result;
}

std::string difference(const char* what, const Values& want, const Values& got) {
  if (want.size() != got.size()) return fmt::format("another number of {}s", what);
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (!(want[i].type == got[i].type)) {
      return fmt::format("{} {}: {} against {}", what, i, ir::to_string(want[i].type),
                         ir::to_string(got[i].type));
    }
    const std::string found = with_type(want[i].type.dtype, [&](auto zero) {
      using T = const decltype(zero);
      return first_difference<std::remove_const_t<T>>(elements<T>(want[i]), elements<T>(got[i]));
    });
    if (!found.empty()) return fmt::format("{} {} {}", what, i, found);
  }
  return {};
}

}  // namespace mlpjit::test
