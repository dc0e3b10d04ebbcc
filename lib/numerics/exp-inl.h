// exp, expm1 and what is built from them. No include guard: see elementwise.h.

// e^x = significand * scale1 * scale2, both scales powers of two, so that a product with the
// significand is rounded once, at the second scale, even where the result is a denormal.
template <class Value>
struct ScaledExp {
  Value significand;
  Value scale1;
  Value scale2;
};

template <class B>
MLPJIT_NUMERICS_FN typename B::Value scaled(const B& b, typename B::Value x,
                                            const ScaledExp<typename B::Value>& e) {
  return b.mul(b.mul(x, e.scale1), e.scale2);
}

// 2^(n/2) twice (halves rounded down and up) from shifted = kShift + 2 kBias + n: the sum's low
// bits.
template <class B>
MLPJIT_NUMERICS_FN ScaledExp<typename B::Value> with_scales(const B& b, typename B::Value p,
                                                            typename B::Value shifted) {
  constexpr int mantissa = Constants<typename B::Lane>::kMantissaBits;
  const auto twice = b.bits(shifted);
  const auto half = b.template shr<1>(twice);
  return {p, b.value(b.template shl<mantissa>(half)),
          b.value(b.template shl<mantissa>(b.isub(twice, half)))};
}

// e^x for x between C::kExpLow - 10 and C::kExpHigh. x = n ln2 + r, |r| <= ln2 / 2;
// e^r = 1 + (r + r^2 P(r)).
template <class B>
MLPJIT_NUMERICS_FN ScaledExp<typename B::Value> exp_parts(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto shift = constant(b, C::kShift + 2 * C::kBias);
  const auto shifted = b.fma(x, b.constant(C::kLog2E), shift);
  const auto n = b.sub(shifted, shift);
  auto r = b.fma(n, b.constant(-C::kLn2High), x);  // exact
  r = b.fma(n, b.constant(-C::kLn2Low), r);
  const auto q = b.fma(b.mul(r, r), polynomial(b, r, C::kExp), r);
  return with_scales(b, b.add(b.constant(1), q), shifted);
}

// e^(x + tail), |tail| below an ulp of x.
template <class B>
MLPJIT_NUMERICS_FN ScaledExp<typename B::Value> exp_parts(const B& b, typename B::Value x,
                                                          typename B::Value tail) {
  using C = Constants<typename B::Lane>;
  const auto shift = constant(b, C::kShift + 2 * C::kBias);
  const auto shifted = b.fma(x, b.constant(C::kLog2E), shift);
  const auto n = b.sub(shifted, shift);
  const auto high = b.fma(n, b.constant(-C::kLn2High), x);  // exact
  const auto low = b.fma(n, b.constant(-C::kLn2Low), tail);
  const auto r = b.add(high, low);
  const auto lost = b.add(b.sub(high, r), low);
  const auto q = b.add(r, b.fma(b.mul(r, r), polynomial(b, r, C::kExp), lost));
  return with_scales(b, b.add(b.constant(1), q), shifted);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value exp(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto e = exp_parts(b, at_least(b, at_most(b, x, C::kExpHigh), C::kExpLow));
  return scaled(b, e.significand, e);
}

// 2 ((2^(n-1) - 1/2) + 2^(n-1) r + 2^(n-1) (r^2 P(r) + what r lost)), the first sum with its error.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value expm1(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto clamped = at_least(b, at_most(b, x, C::kExpHigh), C::kExpm1Low);
  const auto shift = constant(b, C::kShift + C::kBias - 1);
  const auto shifted = b.fma(clamped, b.constant(C::kLog2E), shift);
  const auto n = b.sub(shifted, shift);
  const auto scale = b.value(b.template shl<C::kMantissaBits>(b.bits(shifted)));  // 2^(n-1)
  const auto high = b.fma(n, b.constant(-C::kLn2High), clamped);                  // exact
  const auto low = b.mul(n, b.constant(-C::kLn2Low));
  const auto r = b.add(high, low);
  const auto lost = b.add(b.sub(high, r), low);
  const auto q = b.fma(b.mul(r, r), polynomial(b, r, C::kExp), lost);
  const auto whole = b.sub(scale, constant(b, 0.5));
  const auto part = b.mul(scale, r);
  const auto sum = b.add(whole, part);
  const auto error = b.add(b.sub(whole, sum), part);
  const auto half = b.add(sum, b.fma(scale, q, error));
  return b.select(b.lt(b.abs(x), constant(b, C::kTiny)), x, b.add(half, half));
}

// t / (t + 2) with t = expm1(2 |x|).
template <class B>
MLPJIT_NUMERICS_FN typename B::Value tanh(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto magnitude = at_most(b, b.abs(x), C::kTanhHigh);
  const auto twice = b.add(magnitude, magnitude);
  const auto shift = constant(b, C::kShift + C::kBias);
  const auto shifted = b.fma(twice, b.constant(C::kLog2E), shift);
  const auto n = b.sub(shifted, shift);
  const auto scale = b.value(b.template shl<C::kMantissaBits>(b.bits(shifted)));  // 2^n
  auto r = b.fma(n, b.constant(-C::kLn2High), twice);                             // exact
  r = b.fma(n, b.constant(-C::kLn2Low), r);
  const auto q = b.fma(b.mul(r, r), polynomial(b, r, C::kExp), r);
  const auto t = b.fma(scale, q, b.sub(scale, b.constant(1)));
  return with_sign(b, b.div(t, b.add(t, b.constant(2))), x);
}

// x < 0 ? e / (1 + e) : 1 / (1 + e) with e = exp(-|x|).
template <class B>
MLPJIT_NUMERICS_FN typename B::Value sigmoid(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto parts = exp_parts(b, at_least(b, b.neg(b.abs(x)), C::kExpLow));
  const auto e = scaled(b, parts.significand, parts);
  const auto one = b.constant(1);
  return b.div(b.select(b.lt(x, b.constant(0)), e, one), b.add(one, e));
}

// x < 0 ? x e / (1 + e) : x / (1 + e); the product x e is taken before e can become a denormal.
// `near` is x, or any number so low that the result is -0.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value gated(const B& b, typename B::Value x, typename B::Value near,
                                           const ScaledExp<typename B::Value>& parts) {
  const auto e = scaled(b, parts.significand, parts);
  const auto product = scaled(b, b.mul(parts.significand, near), parts);
  const auto numerator = b.select(b.lt(x, b.constant(0)), product, x);
  return b.div(numerator, b.add(b.constant(1), e));
}

// x sigmoid(x).
template <class B>
MLPJIT_NUMERICS_FN typename B::Value silu(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto near = at_least(b, b.neg(b.abs(x)), C::kSiluLow);
  return gated(b, x, near, exp_parts(b, near));
}

// x sigmoid(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3), which is x / 2 (1 + tanh(z / 2)); z is kept
// in two parts, for e^z is sensitive to it.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value gelu_tanh(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto near = at_least(b, b.neg(b.abs(x)), C::kGeluTanhLow);
  const auto cubic = b.constant(C::kGeluCubicHigh);
  const auto linear = b.constant(C::kGeluLinearHigh);
  const auto square = b.mul(near, near);
  const auto square_low = b.fma(near, near, b.neg(square));
  const auto product = b.mul(cubic, square);
  auto low = b.fma(cubic, square, b.neg(product));
  low = b.fma(cubic, square_low, low);
  low = b.fma(b.constant(C::kGeluCubicLow), square, low);
  const auto factor = b.add(linear, product);
  const auto rest = b.sub(factor, linear);
  const auto error = b.add(b.sub(linear, b.sub(factor, rest)), b.sub(product, rest));
  low = b.add(b.add(low, b.constant(C::kGeluLinearLow)), error);
  const auto z = b.mul(near, factor);
  const auto z_low = b.fma(near, low, b.fma(near, factor, b.neg(z)));
  return gated(b, x, near, exp_parts(b, z, z_low));
}
