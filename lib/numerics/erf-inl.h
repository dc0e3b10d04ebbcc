// erf and gelu. No include guard: see elementwise.h.

// The tail of the normal distribution: Phi(-t) = e^(-t^2 / 2) (value + low) (1 + error), for
// 0 <= t <= C::kGeluHigh.
template <class Value>
struct NormalTail {
  Value value;
  Value low;
  Value error;
};

// f32: by pieces. f64: value = P(u) w with w = 1 / (t + k), u = 2 t w - 1; `error` is what w lost,
// times k w = (1 - u) / 2, about how much of it is left in the value, where u is wrong too.
template <class B>
MLPJIT_NUMERICS_FN NormalTail<typename B::Value> normal_tail(const B& b, typename B::Value t) {
  using C = Constants<typename B::Lane>;
  if constexpr (sizeof(typename B::Lane) == 4) {
    const auto piece = piece_of(b, t, C::kTailStart, C::kTailPieces);
    const auto rest = b.mul(piece.x, slope_of(b, piece));
    const auto sum = fast_two_sum(b, piece.coefficients[0], rest);
    return {sum.high, sum.low, b.constant(0)};
  } else {
    const auto one = b.constant(1);
    const auto k = constant(b, C::kTailCenter);
    const auto sum = b.add(t, k);
    const auto sum_error = b.add(b.sub(k, sum), t);
    const auto w = b.div(one, sum);
    const auto u = b.fma(b.add(t, t), w, b.constant(-1));
    const auto inexact = b.fma(b.neg(w), sum_error, b.fma(b.neg(w), sum, one));
    const auto error = b.mul(inexact, b.mul(w, k));
    const auto product = two_product(b, polynomial<6>(b, u, C::kTail), w);
    return {product.high, product.low, error};
  }
}

// erf for 0 <= x <= C::kErfHigh. Below 1: x + x P(x^2). Else 1 - 2 Phi(-sqrt(2) x), with e^(-x^2)
// from x^2 in two parts.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value erf_by_tail(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto one = b.constant(1);
  const auto square = two_product(b, x, x);
  const auto small = b.fma(x, polynomial(b, square.high, C::kErf), x);
  const auto tail = normal_tail(b, b.mul(x, constant(b, 1.41421356237309504880)));
  const auto parts = exp_parts(b, b.neg(square.high), b.neg(square.low));
  const auto large = b.sub(one, times_exp(b, b.add(tail.value, tail.value), parts));
  return b.select(b.lt(x, one), small, large);
}

// f32 by pieces, as tanh; the first of them is x + x P(x).
template <class B>
MLPJIT_NUMERICS_FN typename B::Value erf(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto magnitude = at_most(b, b.abs(x), C::kErfHigh);
  if constexpr (sizeof(typename B::Lane) == 4) {
    const auto piece = piece_of(b, magnitude, C::kErfStart, C::kErfPieces);
    const auto first = b.eq(piece.center, b.constant(0));
    const auto base = b.select(first, piece.x, piece.coefficients[0]);
    return with_sign(b, b.fma(piece.x, slope_of(b, piece), base), x);
  } else {
    return with_sign(b, erf_by_tail(b, magnitude), x);
  }
}

// x Phi(x). With w = x Phi(-|x|) it is w for x <= 0, else x - w.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value gelu(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto t = at_most(b, b.abs(x), C::kGeluHigh);
  const auto exponent = two_product(b, b.mul(t, constant(b, -0.5)), t);
  const auto tail = normal_tail(b, t);
  const auto parts = exp_parts(b, exponent.high, b.add(exponent.low, tail.error));
  const auto product = two_product(b, t, tail.value);
  const auto low = b.fma(t, tail.low, product.low);
  const auto w = with_sign(b, times_exp(b, product.high, low, parts), x);
  return b.select(b.le(x, b.constant(0)), w, b.sub(x, w));
}
