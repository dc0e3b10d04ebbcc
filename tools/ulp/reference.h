#pragma once
// Reference values in a wider type: double for float, long double for double. Where a naive formula
// would lose its digits there too, the argument is kept in two parts.

#include <cmath>
#include <limits>

#include "lib/ir/opcodes.h"

namespace mlpjit::ulp {

template <class W>
struct Parts {
  W high;
  W low;
};

// x * c with c given to 34 digits: in quadruple precision for long double (a double is wide enough
// for floats).
template <class W>
inline Parts<W> scaled(W x, __float128 c) {
  if constexpr (sizeof(W) == 8) {
    const double high = static_cast<double>(c);
    const W product = x * high;
    return {product, std::fma(x, high, -product) + x * static_cast<double>(c - high)};
  } else {
    const __float128 product = x * c;
    const W high = static_cast<W>(product);
    return {high, static_cast<W>(product - high)};
  }
}

template <class W>
inline W reference_sigmoid(W x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const W e = std::exp(x);
  return e / (1 + e);
}

// x / 2 erfc(-x / sqrt(2)), the derivative of erfc taking in the low part.
template <class W>
inline W reference_gelu(W x) {
  if (std::isinf(x)) return x > 0 ? x : -W{0};
  // sqrt(1/2) in two doubles.
  const __float128 c = static_cast<__float128>(0x1.6a09e667f3bcdp-1) - 0x1.bdd3413b26456p-55;
  const Parts<W> z = scaled(x, c);
  const W two_over_root_pi = 1.128379167095512573896158903L;
  return x / 2 * (std::erfc(-z.high) + z.low * two_over_root_pi * std::exp(-z.high * z.high));
}

template <class W>
inline W reference_gelu_tanh(W x) {
  if (std::isinf(x)) return x > 0 ? x : -W{0};
  W high, low;
  if constexpr (sizeof(W) == 8) {
    high = 1.5957691216057308 * x * (1 + 0.044715 * x * x);  // z below 150: no low part is needed
    low = 0;
  } else {
    // 2 sqrt(2 / pi) in two doubles.
    const __float128 c = static_cast<__float128>(0x1.9884533d43651p+0) - 0x1.cbc0d30ebfd15p-54;
    const __float128 cubic = static_cast<__float128>(44715) / 1000000;
    const __float128 z = c * x * (1 + cubic * x * x);
    if (z > 20000) return x;
    if (z < -20000) return -W{0};
    high = static_cast<W>(z);
    low = static_cast<W>(z - high);
  }
  if (high >= 0) return x / (1 + std::exp(-high));
  const W e = std::exp(high) * (1 + low);
  if (e == 0) return -W{0};
  return x * e / (1 + e);
}

template <class W>
inline W reference(ir::Opcode opcode, W x, W y) {
  switch (opcode) {
    case ir::Opcode::exp: return std::exp(x);
    case ir::Opcode::log: return std::log(x);
    case ir::Opcode::expm1: return std::expm1(x);
    case ir::Opcode::log1p: return std::log1p(x);
    case ir::Opcode::tanh: return std::tanh(x);
    case ir::Opcode::sigmoid: return reference_sigmoid(x);
    case ir::Opcode::softplus: return (x < 0 ? W{0} : x) + std::log1p(std::exp(-std::fabs(x)));
    case ir::Opcode::silu: return std::isinf(x) && x < 0 ? -W{0} : x * reference_sigmoid(x);
    case ir::Opcode::erf: return std::erf(x);
    case ir::Opcode::gelu: return reference_gelu(x);
    case ir::Opcode::gelu_tanh: return reference_gelu_tanh(x);
    case ir::Opcode::sin: return std::sin(x);
    case ir::Opcode::cos: return std::cos(x);
    case ir::Opcode::rsqrt: return 1 / std::sqrt(x);
    case ir::Opcode::pow: return std::pow(x, y);
    default: return std::numeric_limits<W>::quiet_NaN();
  }
}

}  // namespace mlpjit::ulp
