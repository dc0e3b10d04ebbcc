// exp, expm1 and what is built from them. No include guard: see elementwise.h.

// e^x = (1 + r slope) scale1 scale2, both scales powers of two, so that a product with e^x is
// rounded once more at most, at the second scale, even where the result is a denormal. The first
// scale is taken in before the polynomial, `slope`, is there.
template <class Value>
struct ScaledExp {
  Value r;
  Value slope;
  Value scale1;
  Value scale2;
};

template <class B>
MLPJIT_NUMERICS_FN typename B::Value exp_value(const B& b, const ScaledExp<typename B::Value>& e) {
  return b.mul(b.fma(b.mul(e.r, e.scale1), e.slope, e.scale1), e.scale2);
}

// x e^..., and (x + low) e^... for a low part of x.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value times_exp(const B& b, typename B::Value x,
                                               const ScaledExp<typename B::Value>& e) {
  const auto scaled = b.mul(x, e.scale1);
  return b.mul(b.fma(b.mul(scaled, e.r), e.slope, scaled), e.scale2);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value times_exp(const B& b, typename B::Value x,
                                               typename B::Value low,
                                               const ScaledExp<typename B::Value>& e) {
  const auto scaled = b.mul(x, e.scale1);
  const auto rest = b.fma(b.mul(scaled, e.r), e.slope, b.mul(low, e.scale1));
  return b.mul(b.add(scaled, rest), e.scale2);
}

// e^(x + tail) for x between C::kExpLow - 10 and C::kExpHigh and |tail| below some ulps of x.
// x + tail = n ln2 + r, |r| <= ln2 / 2; e^r = 1 + r P(r). The scales are 2^(n/2), halves rounded
// down and up, from the low bits of the sum that rounds n.
template <class B>
MLPJIT_NUMERICS_FN ScaledExp<typename B::Value> exp_parts(const B& b, typename B::Value x,
                                                          typename B::Value tail) {
  using C = Constants<typename B::Lane>;
  const auto shift = constant(b, C::kShift + 2 * C::kBias);
  const auto shifted = b.fma(x, b.constant(C::kLog2E), shift);
  const auto n = b.sub(shifted, shift);
  const auto high = b.fma(n, b.constant(-C::kLn2High), x);  // exact
  const auto r = b.add(high, b.fma(n, b.constant(-C::kLn2Low), tail));
  const auto twice = b.bits(shifted);
  const auto half = b.template shr<1>(twice);
  const auto other = b.isub(twice, half);
  return {r, polynomial<1>(b, r, C::kExp), b.value(b.template shl<C::kMantissaBits>(half)),
          b.value(b.template shl<C::kMantissaBits>(other))};
}

template <class B>
MLPJIT_NUMERICS_FN ScaledExp<typename B::Value> exp_parts(const B& b, typename B::Value x) {
  return exp_parts(b, x, b.constant(0));
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value exp(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  return exp_value(b, exp_parts(b, at_least(b, at_most(b, x, C::kExpHigh), C::kExpLow)));
}

// With s = 2^(n-1): 2 ((s - 1/2) + s r + s (r^2 P(r) + lost)); the errors of the first two sums and
// of the square join the last term.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value expm1(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto clamped = at_least(b, at_most(b, x, C::kExpHigh), C::kExpm1Low);
  const auto shift = constant(b, C::kShift + C::kBias - 1);
  const auto shifted = b.fma(clamped, b.constant(C::kLog2E), shift);
  const auto n = b.sub(shifted, shift);
  const auto scale = b.value(b.template shl<C::kMantissaBits>(b.bits(shifted)));
  const auto high = b.fma(n, b.constant(-C::kLn2High), clamped);  // exact
  const auto low = b.mul(n, b.constant(-C::kLn2Low));
  const auto r = b.add(high, low);
  const auto half = constant(b, 0.5);
  const auto square = two_product(b, r, r);
  const auto lost = b.fma(square.low, half, b.add(b.sub(high, r), low));
  const auto q = b.fma(square.high, polynomial<1>(b, r, C::kExpm1), lost);
  const auto whole = b.sub(scale, half);
  const auto whole_error = b.sub(b.sub(scale, whole), half);
  const auto part = b.mul(scale, r);
  const auto sum = b.add(whole, part);
  const auto error = b.add(b.add(b.sub(whole, sum), part), whole_error);
  const auto result = b.add(sum, b.fma(scale, q, error));
  return b.select(b.lt(b.abs(x), constant(b, C::kTiny)), x, b.add(result, result));
}

// tanh for 0 <= x <= C::kTanhHigh: y = t / d with t = expm1(2 x), d = t + 2 in two parts, and what
// y lacks: the remainder of the division over d, for which no second division is needed as
// 1 / d = (1 - y) / 2. Near 1 that may round above 1.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value tanh_quotient(const B& b, typename B::Value magnitude) {
  using C = Constants<typename B::Lane>;
  const auto twice = b.add(magnitude, magnitude);
  const auto shift = constant(b, C::kShift + C::kBias);
  const auto shifted = b.fma(twice, b.constant(C::kLog2E), shift);
  const auto n = b.sub(shifted, shift);
  const auto scale = b.value(b.template shl<C::kMantissaBits>(b.bits(shifted)));  // 2^n
  const auto high = b.fma(n, b.constant(-C::kLn2High), twice);                    // exact
  const auto r = b.fma(n, b.constant(-C::kLn2Low), high);
  const auto q = b.fma(b.mul(r, r), polynomial(b, r, C::kExpm1), r);
  const auto one = b.constant(1);
  const auto t = b.fma(scale, q, b.sub(scale, one));
  const auto d = two_sum(b, t, constant(b, 2));
  const auto y = b.div(t, d.high);
  const auto minus_y = b.neg(y);
  const auto remainder = b.fma(minus_y, d.low, b.fma(minus_y, d.high, t));
  const auto half = constant(b, 0.5);
  const auto better = b.fma(remainder, b.fma(minus_y, half, half), y);
  return at_most(b, better, 1);
}

// f32 by pieces: no division and no exponential to wait for. Of f64 the pieces would be of twice
// the degree, and few of its vectors hold a table.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value tanh(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto magnitude = at_most(b, b.abs(x), C::kTanhHigh);
  if constexpr (sizeof(typename B::Lane) == 4) {
    const auto piece = piece_of(b, magnitude, C::kTanhStart, C::kTanhPieces);
    return with_sign(b, value_of(b, piece), x);
  } else {
    return with_sign(b, tanh_quotient(b, magnitude), x);
  }
}

// y = x < 0 ? e / d : 1 / d with d = 1 + e, e = exp(-|x|), and what y lacks because d was rounded:
// y (d - (1 + e)) / d, with 1 - e / 2 for 1 / d, which does not wait for the division.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value sigmoid(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto e = exp_value(b, exp_parts(b, at_least(b, b.neg(b.abs(x)), C::kExpLow)));
  const auto one = b.constant(1);
  const auto d = b.add(one, e);
  const auto y = b.div(b.select(b.lt(x, b.constant(0)), e, one), d);
  const auto excess = b.sub(b.sub(d, one), e);
  return b.fma(y, b.mul(excess, b.fma(e, constant(b, -0.5), one)), y);
}

// x < 0 ? x e / (1 + e) : x / (1 + e); the product x e is taken before e can become a denormal.
// `near` is x, or any number so low that the result is -0.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value gated(const B& b, typename B::Value x, typename B::Value near,
                                           const ScaledExp<typename B::Value>& parts) {
  const auto e = exp_value(b, parts);
  const auto product = times_exp(b, near, parts);
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
