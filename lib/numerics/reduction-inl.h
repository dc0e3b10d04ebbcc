// Reductions: what follows from their sums. No include guard: see elementwise.h.

// What sums of d = x - mean and of d^2 over `count` elements give: the mean was rounded, and d is
// wrong by the mean of d. Values far apart overflow the squares, where the correction would be NaN.
template <class Value>
struct Spread {
  Value correction;  // to be added to the mean
  Value variance;
};
template <class B>
MLPJIT_NUMERICS_FN Spread<typename B::Value> spread(const B& b, typename B::Value sum,
                                                    typename B::Value squares,
                                                    typename B::Value count) {
  const auto zero = constant(b, 0);
  const auto infinity = b.constant(std::numeric_limits<typename B::Lane>::infinity());
  const auto correction = b.div(sum, count);
  const auto mean = b.div(b.fma(b.neg(correction), sum, squares), count);
  const auto positive = b.select(b.le(mean, zero), zero, mean);
  return {correction, b.select(b.eq(squares, infinity), infinity, positive)};
}
