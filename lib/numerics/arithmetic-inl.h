// Arithmetic on two operands, and what reductions need. No include guard: see arithmetic.h.

#include "lib/numerics/tools-inl.h"

template <class B>
MLPJIT_NUMERICS_FN typename B::Value add(const B& b, typename B::Value x, typename B::Value y) {
  return b.add(x, y);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value subtract(const B& b, typename B::Value x,
                                              typename B::Value y) {
  return b.sub(x, y);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value multiply(const B& b, typename B::Value x,
                                              typename B::Value y) {
  return b.mul(x, y);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value divide(const B& b, typename B::Value x, typename B::Value y) {
  return b.div(x, y);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value negative(const B& b, typename B::Value x) {
  return b.neg(x);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value abs(const B& b, typename B::Value x) {
  return b.abs(x);
}

// NaN wins; +0 > -0. Where x and y are equal their bits differ only for zeros: the and of the bits
// is +0 unless both are -0.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value maximum(const B& b, typename B::Value x, typename B::Value y) {
  const auto equal = b.value(b.iand(b.bits(x), b.bits(y)));
  const auto larger = b.select(b.lt(y, x), x, y);
  const auto ordered = b.select(b.eq(x, y), equal, larger);
  return b.select(b.is_nan(x), x, ordered);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value minimum(const B& b, typename B::Value x, typename B::Value y) {
  const auto equal = b.value(b.ior(b.bits(x), b.bits(y)));
  const auto smaller = b.select(b.lt(x, y), x, y);
  const auto ordered = b.select(b.eq(x, y), equal, smaller);
  return b.select(b.is_nan(x), x, ordered);
}

#include "lib/numerics/reduction-inl.h"
