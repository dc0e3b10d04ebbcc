// erf and gelu. No include guard: see elementwise.h.

// The tail of the normal distribution: Phi(-t) = e^(-t^2 / 2) (value + low) (1 + error), for
// 0 <= t <= C::kGeluHigh. value = P(u) w with w = 1 / (t + k), u = 2 t w - 1; `error` is what w
// lost, times k w = (1 - u) / 2, about how much of it is left in the value, where u is wrong too.
template <class Value>
struct NormalTail {
  Value value;
  Value low;
  Value error;
};

template <class B>
MLPJIT_NUMERICS_FN NormalTail<typename B::Value> normal_tail(const B& b, typename B::Value t) {
  using C = Constants<typename B::Lane>;
  const auto one = b.constant(1);
  const auto k = constant(b, C::kTailCenter);
  const auto sum = b.add(t, k);
  const auto sum_error = b.add(b.sub(k, sum), t);
  const auto w = b.div(one, sum);
  const auto u = b.fma(b.add(t, t), w, b.constant(-1));
  const auto inexact = b.fma(b.neg(w), sum_error, b.fma(b.neg(w), sum, one));
  const auto error = b.mul(inexact, b.mul(w, k));
  const auto product = two_product(b, polynomial(b, u, C::kTail), w);
  return {product.high, product.low, error};
}

// |x| < 1: x + x P(x^2). Else 1 - 2 Phi(-sqrt(2) |x|), with e^(-x^2) from x^2 in two parts.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value erf(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto one = b.constant(1);
  const auto magnitude = at_most(b, b.abs(x), C::kErfHigh);
  const auto square = two_product(b, magnitude, magnitude);
  const auto small = b.fma(magnitude, polynomial(b, square.high, C::kErf), magnitude);
  const auto tail = normal_tail(b, b.mul(magnitude, constant(b, 1.41421356237309504880)));
  const auto parts = exp_parts(b, b.neg(square.high), b.neg(square.low));
  const auto large = b.sub(one, times_exp(b, b.add(tail.value, tail.value), parts));
  return with_sign(b, b.select(b.lt(magnitude, one), small, large), x);
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
