// erf and gelu. No include guard: see elementwise.h.

// |x| < 1: x + x P(x^2). Else 1 - 2 e^(-x^2) N(t) / D(t) with t = sqrt(2) |x|, where N / D is the
// scaled tail e^(t^2 / 2) Phi(-t) of the normal distribution; x^2 is kept in two parts.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value erf(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto one = b.constant(1);
  const auto magnitude = at_most(b, b.abs(x), C::kErfHigh);
  const auto square = b.mul(magnitude, magnitude);
  const auto square_low = b.fma(magnitude, magnitude, b.neg(square));
  const auto small = b.fma(magnitude, polynomial(b, square, C::kErf), magnitude);
  const auto parts = exp_parts(b, b.neg(square), b.neg(square_low));
  const auto t = b.mul(magnitude, constant(b, 1.41421356237309504880));
  const auto e = scaled(b, b.add(parts.significand, parts.significand), parts);
  const auto tail =
      b.div(b.mul(e, polynomial(b, t, C::kTailTop)), polynomial(b, t, C::kTailBottom));
  const auto large = b.sub(one, tail);
  return with_sign(b, b.select(b.lt(magnitude, one), small, large), x);
}

// x Phi(x). w = x Phi(-|x|) = x e^(-x^2 / 2) N(|x|) / D(|x|); the result is w for negative x, else
// x - w.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value gelu(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto t = at_most(b, b.abs(x), C::kGeluHigh);
  const auto minus_half = b.mul(t, constant(b, -0.5));
  const auto exponent = b.mul(minus_half, t);
  const auto exponent_low = b.fma(minus_half, t, b.neg(exponent));
  const auto parts = exp_parts(b, exponent, exponent_low);
  const auto top =
      b.mul(b.mul(parts.significand, with_sign(b, t, x)), polynomial(b, t, C::kTailTop));
  const auto w = scaled(b, b.div(top, polynomial(b, t, C::kTailBottom)), parts);
  return b.select(b.lt(x, b.constant(0)), w, b.sub(x, w));
}
