// Functions that are exact or correctly rounded steps. No include guard: see elementwise.h.

template <class B>
MLPJIT_NUMERICS_FN typename B::Value sqrt(const B& b, typename B::Value x) {
  return b.sqrt(x);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value rsqrt(const B& b, typename B::Value x) {
  return b.div(constant(b, 1), b.sqrt(x));
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value floor(const B& b, typename B::Value x) {
  return b.floor(x);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value ceil(const B& b, typename B::Value x) {
  return b.ceil(x);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value round(const B& b, typename B::Value x) {
  return b.rint(x);
}

// x > 0 ? 1 : x < 0 ? -1 : x; keeps NaN and both zeros.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value sign(const B& b, typename B::Value x) {
  const auto zero = constant(b, 0);
  const auto negative_or_x = b.select(b.lt(x, zero), constant(b, -1), x);
  return b.select(b.lt(zero, x), constant(b, 1), negative_or_x);
}

// The floor of the exact quotient. Rounding moves a quotient up to an integer, never past one: only
// then the floor is one less, and what the rounded quotient leaves of x tells, its sign being
// exact. An infinite y leaves x itself. A quotient of 2^24 (2^53) and more is as it is rounded.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value floor_divide(const B& b, typename B::Value x,
                                                  typename B::Value y) {
  using Limits = std::numeric_limits<typename B::Lane>;
  const auto zero = constant(b, 0), infinity = b.constant(Limits::infinity());
  const auto quotient = b.div(x, y);
  const auto floored = b.floor(quotient);
  const auto rest = b.select(b.eq(b.abs(y), infinity), x, b.fma(b.neg(quotient), y, x));
  const auto opposite =
      b.mor(b.mand(b.lt(rest, zero), b.lt(zero, y)), b.mand(b.lt(zero, rest), b.lt(y, zero)));
  const auto rounded_up = b.mand(b.eq(floored, quotient), opposite);
  const auto exact = b.select(rounded_up, b.sub(floored, constant(b, 1)), floored);
  const auto small = b.lt(b.abs(quotient), b.constant(2 / Limits::epsilon()));
  const auto none = b.mand(b.eq(b.abs(x), infinity), b.mnot(b.eq(y, zero)));
  return b.select(none, b.constant(Limits::quiet_NaN()), b.select(small, exact, quotient));
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value clip(const B& b, typename B::Value x, typename B::Value lo,
                                          typename B::Value hi) {
  return minimum(b, maximum(b, x, lo), hi);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value hardtanh(const B& b, typename B::Value x,
                                              typename B::Value min, typename B::Value max) {
  return clip(b, x, min, max);
}

// 0 > x ? 0 : x; keeps NaN and -0.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value relu(const B& b, typename B::Value x) {
  const auto zero = constant(b, 0);
  return b.select(b.lt(x, zero), zero, x);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value leaky_relu(const B& b, typename B::Value x,
                                                typename B::Value alpha) {
  return b.select(b.lt(x, constant(b, 0)), b.mul(alpha, x), x);
}
