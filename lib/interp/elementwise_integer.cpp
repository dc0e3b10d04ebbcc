// Inner loops on integers and bools, and casts.

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "lib/interp/inner_loop.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {

namespace {

using std::size_t;

// Integers wrap: computed without a sign, where overflow is defined.
template <class T>
using Wide = std::make_unsigned_t<T>;

template <class T, class F>
T wrapping(T a, T b, F f) {
  return static_cast<T>(f(static_cast<Wide<T>>(a), static_cast<Wide<T>>(b)));
}

[[noreturn]] void fail_zero(ir::Opcode opcode) {
  throw ValueError(std::string(ir::to_string(opcode)) +
                   ": integer division by zero: expected divisors other than 0; use where to "
                   "replace them, or cast to a floating dtype");
}

template <ir::Opcode opcode, class T>
T divide_floored(T a, T b) {
  constexpr bool kQuotient = opcode == ir::Opcode::floor_divide;
  if (b == 0) fail_zero(opcode);
  if (b == -1) return kQuotient ? wrapping<T>(0, a, std::minus<>()) : T(0);  // lowest / -1 wraps
  const T quotient = a / b;
  const T remainder = a % b;
  const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);
  if constexpr (kQuotient)
    return adjust ? quotient - 1 : quotient;
  else
    return adjust ? remainder + b : remainder;
}

template <class T>
T power(T base, T exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
    return 0;
  }
  T result = 1;
  for (T rest = exponent; rest > 0; rest /= 2) {
    if (rest % 2 == 1) result = wrapping<T>(result, base, std::multiplies<>());
    base = wrapping<T>(base, base, std::multiplies<>());
  }
  return result;
}

template <ir::Opcode opcode, class T>
T unary_step(T x) {
  using enum ir::Opcode;
  if constexpr (opcode == negative)
    return wrapping<T>(0, x, std::minus<>());
  else if constexpr (opcode == abs)
    return x < 0 ? wrapping<T>(0, x, std::minus<>()) : x;
  else if constexpr (opcode == sign)
    return x > 0 ? 1 : x < 0 ? -1 : 0;
  else if constexpr (opcode == relu)
    return 0 > x ? 0 : x;
  else
    return x;  // floor, ceil, round
}

template <ir::Opcode opcode, class T>
T binary_step(T a, T b) {
  using enum ir::Opcode;
  if constexpr (opcode == add)
    return wrapping<T>(a, b, std::plus<>());
  else if constexpr (opcode == subtract)
    return wrapping<T>(a, b, std::minus<>());
  else if constexpr (opcode == multiply)
    return wrapping<T>(a, b, std::multiplies<>());
  else if constexpr (opcode == maximum)
    return std::max(a, b);
  else if constexpr (opcode == minimum)
    return std::min(a, b);
  else if constexpr (opcode == pow)
    return power<T>(a, b);
  else
    return divide_floored<opcode, T>(a, b);
}

template <ir::Opcode opcode, class T>
std::uint8_t comparison_step(T a, T b) {
  using enum ir::Opcode;
  if constexpr (opcode == equal)
    return a == b;
  else if constexpr (opcode == not_equal)
    return a != b;
  else if constexpr (opcode == less)
    return a < b;
  else if constexpr (opcode == less_equal)
    return a <= b;
  else if constexpr (opcode == greater)
    return a > b;
  else if constexpr (opcode == greater_equal)
    return a >= b;
  else if constexpr (opcode == logical_and)
    return a & b;
  else if constexpr (opcode == logical_or)
    return a | b;
  else
    return a ^ b;  // logical_xor
}

template <class T, T (*step)(T)>
void unary_loop(const void* const* operands, const bool*, void* result, size_t n,
                const numerics::Params&) {
  const auto* x = static_cast<const T*>(operands[0]);
  auto* y = static_cast<T*>(result);
  for (size_t i = 0; i < n; ++i) y[i] = step(x[i]);
}

// One loop per pattern, so that the compiler can vectorise each.
template <class T, class R, R (*step)(T, T)>
void binary_loop(const void* const* operands, const bool* scalar, void* result, size_t n,
                 const numerics::Params&) {
  const auto* a = static_cast<const T*>(operands[0]);
  const auto* b = static_cast<const T*>(operands[1]);
  auto* y = static_cast<R*>(result);
  if (!scalar[0] && !scalar[1]) {
    for (size_t i = 0; i < n; ++i) y[i] = step(a[i], b[i]);
  } else if (!scalar[0]) {
    const T right = *b;
    for (size_t i = 0; i < n; ++i) y[i] = step(a[i], right);
  } else if (!scalar[1]) {
    const T left = *a;
    for (size_t i = 0; i < n; ++i) y[i] = step(left, b[i]);
  } else {
    const R both = step(*a, *b);
    for (size_t i = 0; i < n; ++i) y[i] = both;
  }
}

template <class T>
void clip_loop(const void* const* operands, const bool* scalar, void* result, size_t n,
               const numerics::Params&) {
  const auto* x = static_cast<const T*>(operands[0]);
  const auto* low = static_cast<const T*>(operands[1]);
  const auto* high = static_cast<const T*>(operands[2]);
  auto* y = static_cast<T*>(result);
  for (size_t i = 0; i < n; ++i) {
    const T raised = std::max(x[scalar[0] ? 0 : i], low[scalar[1] ? 0 : i]);
    y[i] = std::min(raised, high[scalar[2] ? 0 : i]);
  }
}

void logical_not_loop(const void* const* operands, const bool*, void* result, size_t n,
                      const numerics::Params&) {
  const auto* x = static_cast<const std::uint8_t*>(operands[0]);
  auto* y = static_cast<std::uint8_t*>(result);
  for (size_t i = 0; i < n; ++i) y[i] = x[i] == 0;
}

void where_bool_loop(const void* const* operands, const bool* scalar, void* result, size_t n,
                     const numerics::Params&) {
  const auto* condition = static_cast<const std::uint8_t*>(operands[0]);
  const auto* a = static_cast<const std::uint8_t*>(operands[1]);
  const auto* b = static_cast<const std::uint8_t*>(operands[2]);
  auto* y = static_cast<std::uint8_t*>(result);
  for (size_t i = 0; i < n; ++i) {
    const std::uint8_t yes = a[scalar[1] ? 0 : i];
    const std::uint8_t no = b[scalar[2] ? 0 : i];
    y[i] = condition[scalar[0] ? 0 : i] != 0 ? yes : no;
  }
}

template <class T>
InnerLoop comparison_loop(ir::Opcode opcode) {
  using enum ir::Opcode;
  switch (opcode) {
#define MLPJIT_CASE(name) \
  case name: return binary_loop<T, std::uint8_t, comparison_step<name, T>>;
    MLPJIT_CASE(equal)
    MLPJIT_CASE(not_equal)
    MLPJIT_CASE(less)
    MLPJIT_CASE(less_equal)
    MLPJIT_CASE(greater)
    MLPJIT_CASE(greater_equal)
#undef MLPJIT_CASE
    default: return nullptr;
  }
}

template <class T>
InnerLoop arithmetic_loop(ir::Opcode opcode) {
  using enum ir::Opcode;
  switch (opcode) {
#define MLPJIT_UNARY(name) \
  case name: return unary_loop<T, unary_step<name, T>>;
#define MLPJIT_BINARY(name) \
  case name: return binary_loop<T, T, binary_step<name, T>>;
    MLPJIT_UNARY(negative)
    MLPJIT_UNARY(abs)
    MLPJIT_UNARY(sign)
    MLPJIT_UNARY(relu)
    MLPJIT_UNARY(floor)
    MLPJIT_UNARY(ceil)
    MLPJIT_UNARY(round)
    MLPJIT_BINARY(add)
    MLPJIT_BINARY(subtract)
    MLPJIT_BINARY(multiply)
    MLPJIT_BINARY(floor_divide)
    MLPJIT_BINARY(remainder)
    MLPJIT_BINARY(pow)
    MLPJIT_BINARY(maximum)
    MLPJIT_BINARY(minimum)
#undef MLPJIT_UNARY
#undef MLPJIT_BINARY
    case clip: return clip_loop<T>;
    default: return comparison_loop<T>(opcode);
  }
}

InnerLoop bool_loop(ir::Opcode opcode) {
  using enum ir::Opcode;
  using Byte = std::uint8_t;
  switch (opcode) {
    case logical_and: return binary_loop<Byte, Byte, comparison_step<logical_and, Byte>>;
    case logical_or: return binary_loop<Byte, Byte, comparison_step<logical_or, Byte>>;
    case logical_xor: return binary_loop<Byte, Byte, comparison_step<logical_xor, Byte>>;
    case logical_not: return logical_not_loop;
    case where: return where_bool_loop;
    default: return comparison_loop<Byte>(opcode);
  }
}

// Stands for bool, whose storage is one byte, 0 or 1.
struct Bool {
  std::uint8_t value;
};

// Float to integer truncates and saturates, NaN gives 0. The first float above the range is a power
// of two.
template <class To, class From>
To saturate(From x) {
  constexpr From kEnd = -static_cast<From>(std::numeric_limits<To>::lowest());
  if (!(x < kEnd)) return x != x ? To(0) : std::numeric_limits<To>::max();
  return x < -kEnd ? std::numeric_limits<To>::lowest() : static_cast<To>(x);
}

template <class From, class To>
To convert(From x) {
  if constexpr (std::is_same_v<From, Bool>) {
    if constexpr (std::is_same_v<To, Bool>)
      return x;
    else
      return static_cast<To>(x.value);
  } else if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<std::uint8_t>(x != 0)};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return saturate<To>(x);
  } else {
    return static_cast<To>(x);  // to the nearest float; i64 to i32 wraps
  }
}

template <class From, class To>
void convert_loop(const void* const* operands, const bool*, void* result, size_t n,
                  const numerics::Params&) {
  const auto* x = static_cast<const From*>(operands[0]);
  auto* y = static_cast<To*>(result);
  for (size_t i = 0; i < n; ++i) y[i] = convert<From, To>(x[i]);
}

template <class From>
InnerLoop cast_from(DType to) {
  switch (to) {
    case DType::f32: return convert_loop<From, float>;
    case DType::f64: return convert_loop<From, double>;
    case DType::i32: return convert_loop<From, std::int32_t>;
    case DType::i64: return convert_loop<From, std::int64_t>;
    case DType::boolean: return convert_loop<From, Bool>;
  }
  return nullptr;
}

}  // namespace

InnerLoop integer_loop(ir::Opcode opcode, DType dtype) {
  switch (dtype) {
    case DType::i32: return arithmetic_loop<std::int32_t>(opcode);
    case DType::i64: return arithmetic_loop<std::int64_t>(opcode);
    case DType::boolean: return bool_loop(opcode);
    default: return nullptr;
  }
}

InnerLoop cast_loop(DType from, DType to) {
  switch (from) {
    case DType::f32: return cast_from<float>(to);
    case DType::f64: return cast_from<double>(to);
    case DType::i32: return cast_from<std::int32_t>(to);
    case DType::i64: return cast_from<std::int64_t>(to);
    case DType::boolean: return cast_from<Bool>(to);
  }
  return nullptr;
}

}  // namespace mlpjit::interp
