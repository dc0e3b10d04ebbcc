// log, log1p, softplus. No include guard: see elementwise.h.

// x = 2^n m with sqrt(1/2) <= m < sqrt(2), for normal positive x. `whole` is n in the exponent's
// place.
template <class Value, class Bits>
struct Exponent {
  Bits whole;
  Value significand;
};

template <class B>
MLPJIT_NUMERICS_FN Exponent<typename B::Value, typename B::Bits> split_exponent(
    const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto i = b.bits(x);
  const auto n = b.template sar<C::kMantissaBits>(b.isub(i, b.integer(C::kSqrtHalfBits)));
  return {n, b.value(b.isub(i, b.template shl<C::kMantissaBits>(n)))};
}

// n ln2 + log1p(f + low) = (n ln2 + f) + (low + f^2 Q(f)), the first sum with its error.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value log_sum(const B& b, typename B::Value n, typename B::Value f,
                                             typename B::Value low) {
  using C = Constants<typename B::Lane>;
  const auto whole = b.mul(n, b.constant(C::kLn2High));  // exact
  const auto sum = b.add(whole, f);
  const auto error = b.add(b.sub(whole, sum), f);
  const auto rest = b.fma(n, b.constant(C::kLn2Low), b.add(error, low));
  return b.add(sum, b.fma(b.mul(f, f), polynomial<1>(b, f, C::kLog), rest));
}

// The value of log (or log1p, of 1 + x) where its argument is 0, infinite, negative or NaN.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value log_special(const B& b, typename B::Value argument,
                                                 typename B::Value regular) {
  const auto zero = b.constant(0);
  const auto infinity = constant(b, std::numeric_limits<double>::infinity());
  const auto nan = constant(b, std::numeric_limits<double>::quiet_NaN());
  const auto positive = b.select(b.eq(argument, infinity), infinity, regular);
  const auto other = b.select(b.eq(argument, zero), b.neg(infinity), nan);
  return b.select(b.lt(zero, argument), positive, other);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value log(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto small = b.lt(x, b.constant(std::numeric_limits<typename B::Lane>::min()));
  const auto normal = b.select(small, b.mul(x, b.constant(C::kDenormalScale)), x);
  const auto [whole, m] = split_exponent(b, normal);
  const auto n =
      b.add(b.to_value(whole), b.select(small, constant(b, -C::kDenormalShift), b.constant(0)));
  const auto f = b.sub(m, b.constant(1));
  return log_special(b, x, log_sum(b, n, f, b.constant(0)));
}

// 1 + x = u + c exactly = 2^n m + c; f + low = (m - 1) + 2^-n c. For -1 < x < infinity.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value log1p_finite(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto one = b.constant(1);
  const auto u = b.add(one, x);
  const auto added = b.sub(u, one);
  const auto c = b.add(b.sub(one, b.sub(u, added)), b.sub(x, added));
  const auto [whole, m] = split_exponent(b, u);
  // 2^(2-n): 2^-n itself is a denormal for the largest x, where c is 0.
  const auto exponent = b.isub(b.integer(static_cast<typename B::Int>(C::kBias) + 2), whole);
  const auto scale = b.value(b.template shl<C::kMantissaBits>(exponent));
  const auto quarter = b.mul(c, constant(b, 0.25));
  const auto whole_f = b.sub(m, one);
  const auto f = b.fma(scale, quarter, whole_f);
  const auto low = b.fma(scale, quarter, b.sub(whole_f, f));
  const auto result = log_sum(b, b.to_value(whole), f, low);
  return b.select(b.lt(b.abs(x), constant(b, C::kTiny)), x, result);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value log1p(const B& b, typename B::Value x) {
  const auto one = b.constant(1);
  return log_special(b, b.add(one, x), log1p_finite(b, x));
}

// max(x, 0) + log1p(exp(-|x|)); in f32 the logarithm is exp(-|x|) times a function by pieces.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value softplus(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto magnitude = b.abs(x);
  const auto parts = exp_parts(b, at_least(b, b.neg(magnitude), C::kExpLow));
  if constexpr (sizeof(typename B::Lane) == 4) {
    const auto t = at_most(b, magnitude, C::kSoftplusHigh);
    const auto ratio = value_of(b, piece_of(b, t, C::kSoftplusStart, C::kSoftplusPieces));
    return b.add(relu(b, x), times_exp(b, ratio, parts));
  } else {
    return b.add(relu(b, x), log1p_finite(b, exp_value(b, parts)));
  }
}
