#include <cmath>
#include <limits>
#include <type_traits>

#include "lib/ir/opcodes.h"
#include "test/differential/reference.h"

namespace mlpjit::reference {
namespace {

template <class T>
constexpr bool kFloat = std::is_floating_point_v<T>;

// Integer arithmetic that wraps.
template <class T, class Fn>
T wrap(T a, T b, Fn fn) {
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(fn(static_cast<U>(a), static_cast<U>(b)));
}

template <class T>
T larger(T a, T b) {
  if constexpr (kFloat<T>) {
    if (std::isnan(a)) return a;
    if (std::isnan(b)) return b;
    if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  }
  return a > b ? a : b;
}

template <class T>
T smaller(T a, T b) {
  if constexpr (kFloat<T>) {
    if (std::isnan(a)) return a;
    if (std::isnan(b)) return b;
    if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  }
  return a < b ? a : b;
}

// The floor of the exact quotient, by the exact remainder.
template <class T>
T floored_quotient_of_floats(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
  if (b == 0) return a / b;
  if (std::isinf(a)) return std::numeric_limits<T>::quiet_NaN();
  const bool apart = std::signbit(a) != std::signbit(b);
  if (std::isinf(b)) return a != 0 && apart ? T(-1) : std::copysign(T{0}, apart ? T(-1) : T{1});
  const T quotient = a / b;
  if (std::fabs(quotient) >= std::ldexp(T{1}, std::numeric_limits<T>::digits)) return quotient;
  const T rest = std::fmod(a, b);
  const long double toward_zero =
      std::nearbyint((static_cast<long double>(a) - rest) / static_cast<long double>(b));
  const auto floor = static_cast<T>(rest != 0 && apart ? toward_zero - 1 : toward_zero);
  return floor == 0 ? std::copysign(T{0}, quotient) : floor;
}

template <class T>
T floored_quotient(T a, T b) {
  if constexpr (kFloat<T>) {
    return floored_quotient_of_floats(a, b);
  } else {
    if (b == -1) return wrap(T{0}, a, [](auto x, auto y) { return x - y; });
    const T q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
  }
}

template <class T>
T floored_remainder(T a, T b) {
  if constexpr (kFloat<T>) {
    const T r = std::fmod(a, b);
    if (r == 0) return std::copysign(T{0}, b);
    return std::isnan(r) || std::signbit(r) == std::signbit(b) ? r : r + b;
  } else {
    if (b == -1) return 0;
    const T r = a % b;
    return (r != 0 && (r < 0) != (b < 0)) ? r + b : r;
  }
}

template <class T>
T integer_power(T base, T exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
    return 0;
  }
  T result = 1;
  for (auto e = static_cast<std::make_unsigned_t<T>>(exponent); e != 0; e >>= 1) {
    if (e & 1) result = wrap(result, base, [](auto x, auto y) { return x * y; });
    base = wrap(base, base, [](auto x, auto y) { return x * y; });
  }
  return result;
}

template <class T>
bool arithmetic(ir::Opcode opcode, T a, T b, T& out) {
  using ir::Opcode;
  switch (opcode) {
    case Opcode::maximum: out = larger(a, b); return true;
    case Opcode::minimum: out = smaller(a, b); return true;
    case Opcode::floor_divide: out = floored_quotient(a, b); return true;
    case Opcode::remainder: out = floored_remainder(a, b); return true;
    default: break;
  }
  if constexpr (kFloat<T>) {
    switch (opcode) {
      case Opcode::add: out = a + b; return true;
      case Opcode::subtract: out = a - b; return true;
      case Opcode::multiply: out = a * b; return true;
      case Opcode::divide: out = a / b; return true;
      default: return false;
    }
  } else {
    switch (opcode) {
      case Opcode::add: out = wrap(a, b, [](auto x, auto y) { return x + y; }); return true;
      case Opcode::subtract: out = wrap(a, b, [](auto x, auto y) { return x - y; }); return true;
      case Opcode::multiply: out = wrap(a, b, [](auto x, auto y) { return x * y; }); return true;
      case Opcode::pow: out = integer_power(a, b); return true;
      default: return false;
    }
  }
}

template <class T>
bool unary(ir::Opcode opcode, const ir::Attrs& attrs, T x, T& out) {
  using ir::Opcode;
  switch (opcode) {
    case Opcode::relu: out = T{0} > x ? T{0} : x; return true;
    case Opcode::sign: out = x > T{0} ? T{1} : x < T{0} ? T(-1) : x; return true;
    default: break;
  }
  if constexpr (kFloat<T>) {
    const auto number = [&](const char* name) { return static_cast<T>(attrs.floating(name)); };
    switch (opcode) {
      case Opcode::negative: out = -x; return true;
      case Opcode::abs: out = std::fabs(x); return true;
      case Opcode::sqrt: out = std::sqrt(x); return true;
      case Opcode::rsqrt: out = T{1} / std::sqrt(x); return true;
      case Opcode::floor: out = std::floor(x); return true;
      case Opcode::ceil: out = std::ceil(x); return true;
      case Opcode::round: out = std::nearbyint(x); return true;
      case Opcode::leaky_relu: out = T{0} > x ? number("alpha") * x : x; return true;
      case Opcode::hardtanh: out = smaller(larger(x, number("min")), number("max")); return true;
      default: return false;
    }
  } else {
    switch (opcode) {
      case Opcode::negative: out = wrap(T{0}, x, [](auto a, auto b) { return a - b; }); return true;
      case Opcode::abs:
        out = x < 0 ? wrap(T{0}, x, [](auto a, auto b) { return a - b; }) : x;
        return true;
      case Opcode::floor:
      case Opcode::ceil:
      case Opcode::round: out = x; return true;
      default: return false;
    }
  }
}

template <class T>
bool compare(ir::Opcode opcode, T a, T b, bool& out) {
  using ir::Opcode;
  switch (opcode) {
    case Opcode::equal: out = a == b; return true;
    case Opcode::not_equal: out = a != b; return true;
    case Opcode::less: out = a < b; return true;
    case Opcode::less_equal: out = a <= b; return true;
    case Opcode::greater: out = a > b; return true;
    case Opcode::greater_equal: out = a >= b; return true;
    case Opcode::logical_and: out = a != 0 && b != 0; return true;
    case Opcode::logical_or: out = a != 0 || b != 0; return true;
    case Opcode::logical_xor: out = (a != 0) != (b != 0); return true;
    default: return false;
  }
}

template <class To, class From>
To convert(From x) {
  if constexpr (kFloat<From> && !kFloat<To>) {
    if (std::isnan(x)) return 0;
    // The bounds are powers of two, exact in both floating types.
    const From limit = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    if (x >= limit) return std::numeric_limits<To>::max();
    if (x < -limit) return std::numeric_limits<To>::lowest();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

void cast(const Array& in, Array& out) {
  with_type(in.dtype, [&](auto from) {
    using From = decltype(from);
    for (std::int64_t i = 0; i < in.size(); ++i) {
      const From x = in.as<From>()[i];
      if (out.dtype == DType::boolean) {
        out.as<unsigned char>()[i] = x != From{0};
      } else {
        with_type(out.dtype, [&](auto to) {
          using To = decltype(to);
          out.as<To>()[i] = convert<To, From>(x);
        });
      }
    }
  });
}

// Operand k of the element at `at`.
template <class T>
T read(const std::vector<Array>& in, std::size_t k, const std::vector<std::int64_t>& at) {
  return in[k].as<T>()[broadcast_offset(at, in[k].shape)];
}

template <class T>
bool one_element(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<Array>& in,
                 const std::vector<std::int64_t>& at, Array& out, std::int64_t i) {
  using ir::Opcode;
  if (opcode == Opcode::clip) {
    out.as<T>()[i] = smaller(larger(read<T>(in, 0, at), read<T>(in, 1, at)), read<T>(in, 2, at));
    return true;
  }
  if (in.size() == 1) return unary<T>(opcode, attrs, read<T>(in, 0, at), out.as<T>()[i]);
  if (in.size() != 2) return false;
  const T a = read<T>(in, 0, at), b = read<T>(in, 1, at);
  bool truth = false;
  if (compare(opcode, a, b, truth)) {
    out.as<unsigned char>()[i] = truth;
    return true;
  }
  return arithmetic(opcode, a, b, out.as<T>()[i]);
}

}  // namespace

bool elementwise(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<Array>& in,
                 std::vector<Array>& out) {
  using ir::Opcode;
  if (ir::info(opcode).family != ir::Family::elementwise) return false;
  if (opcode == Opcode::cast) {
    cast(in[0], out[0]);
    return true;
  }
  for (std::int64_t i = 0; i < out[0].size(); ++i) {
    const auto at = coordinates(i, out[0].shape);
    bool known = true;
    if (opcode == Opcode::logical_not) {
      out[0].as<unsigned char>()[i] = read<unsigned char>(in, 0, at) == 0;
    } else if (opcode == Opcode::where) {
      with_type(out[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        out[0].as<T>()[i] =
            read<unsigned char>(in, 0, at) ? read<T>(in, 1, at) : read<T>(in, 2, at);
      });
    } else if (in[0].dtype == DType::boolean) {
      bool truth = false;
      known = in.size() == 2 && compare(opcode, read<unsigned char>(in, 0, at),
                                        read<unsigned char>(in, 1, at), truth);
      out[0].as<unsigned char>()[i] = truth;
    } else {
      known = with_type(in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (std::is_same_v<T, unsigned char>) {
          return false;
        } else {
          return one_element<T>(opcode, attrs, in, at, out[0], i);
        }
      });
    }
    if (!known) return false;
  }
  return out[0].size() > 0;
}

}  // namespace mlpjit::reference
