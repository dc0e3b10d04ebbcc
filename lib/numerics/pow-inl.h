// pow. No include guard: see elementwise.h.

// log(x) in two parts, for x positive, finite and normal: x = 2^n m, m c = 1 + r exactly with c
// from a table of 16; n ln2 - log(c) + r - r^2 / 2 + r^3 P(r), all but the last term in two parts.
template <class B>
MLPJIT_NUMERICS_FN Pair<typename B::Value> log_pair(const B& b, typename B::Value x,
                                                    typename B::Value more) {
  using C = Constants<typename B::Lane>;
  constexpr int mantissa = C::kMantissaBits;
  const auto i = b.bits(x);
  const auto offset = b.isub(i, b.integer(C::kPowOffset));
  const auto whole = b.template sar<mantissa>(offset);
  const auto index = b.iand(b.template shr<mantissa - 4>(offset), b.integer(15));
  const auto m = b.value(b.isub(i, b.template shl<mantissa>(whole)));
  const auto n = b.add(b.to_value(whole), more);
  const auto r = b.fma(m, b.lookup(C::kPowInverse.data(), 16, index), b.constant(-1));  // exact
  const auto s0 =
      two_sum(b, b.mul(n, b.constant(C::kLn2High)), b.lookup(C::kPowLogHigh.data(), 16, index));
  const auto s1 = two_sum(b, s0.high, r);
  const auto square = two_product(b, r, b.mul(r, constant(b, -0.5)));
  const auto s2 = two_sum(b, s1.high, square.high);
  auto low = b.add(b.lookup(C::kPowLogLow.data(), 16, index), square.low);
  low = b.fma(n, b.constant(C::kLn2Low), low);
  low = b.add(low, b.add(s0.low, b.add(s1.low, s2.low)));
  low = b.fma(b.mul(b.mul(r, r), r), polynomial(b, r, C::kPowLog), low);
  return fast_two_sum(b, s2.high, low);
}

// |x|^y = e^(y log|x|) with the product in two parts.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value pow_magnitude(const B& b, typename B::Value magnitude,
                                                   typename B::Value y) {
  using C = Constants<typename B::Lane>;
  const auto zero = b.constant(0);
  const auto infinity = constant(b, std::numeric_limits<double>::infinity());
  const auto small = b.lt(magnitude, b.constant(std::numeric_limits<typename B::Lane>::min()));
  const auto normal = b.select(small, b.mul(magnitude, b.constant(C::kDenormalScale)), magnitude);
  const auto log = log_pair(b, normal, b.select(small, constant(b, -C::kDenormalShift), zero));
  auto high = b.select(b.eq(magnitude, zero), b.neg(infinity), log.high);
  high = b.select(b.eq(magnitude, infinity), infinity, high);
  high = b.select(b.is_nan(magnitude), magnitude, high);
  const auto product = b.mul(y, high);
  const auto product_low = b.fma(y, log.low, b.fma(y, high, b.neg(product)));
  const auto clamped = at_least(b, at_most(b, product, C::kExpHigh), C::kExpLow);
  const auto tail = b.select(b.eq(clamped, product), product_low, zero);
  return exp_value(b, exp_parts(b, clamped, tail));
}

// The special cases are those of C (annex F).
template <class B>
MLPJIT_NUMERICS_FN typename B::Value pow(const B& b, typename B::Value x, typename B::Value y) {
  using Int = typename B::Int;
  const auto zero = b.constant(0);
  const auto one = b.constant(1);
  const auto magnitude = b.abs(x);
  auto result = pow_magnitude(b, magnitude, y);
  result = b.select(b.eq(magnitude, one), one, result);

  const auto integral = b.eq(b.rint(y), y);
  const auto half = b.mul(y, constant(b, 0.5));
  const auto odd = b.mand(integral, b.mnot(b.eq(b.rint(half), half)));
  const auto sign = b.iand(b.bits(x), b.integer(std::numeric_limits<Int>::min()));
  const auto signed_result = b.value(b.ior(b.bits(result), sign));
  result = b.select(odd, signed_result, result);

  const auto minus_infinity = constant(b, -std::numeric_limits<double>::infinity());
  const auto finite_negative = b.mand(b.lt(x, zero), b.lt(minus_infinity, x));
  const auto nan = constant(b, std::numeric_limits<double>::quiet_NaN());
  result = b.select(b.mand(finite_negative, b.mnot(integral)), nan, result);
  result = b.select(b.is_nan(y), y, result);
  return b.select(b.mor(b.eq(y, zero), b.eq(x, one)), one, result);
}
