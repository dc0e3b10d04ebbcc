// sin and cos. No include guard: see elementwise.h.

// x less the nearest multiple of 4; exact.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value modulo_4(const B& b, typename B::Value x) {
  return b.fma(b.rint(b.mul(x, constant(b, 0.25))), constant(b, -4), x);
}

// x = (quadrant + ...) pi/2 + high + low with |high| <= pi/4; the low two bits of quadrant count.
template <class Value, class Bits>
struct Angle {
  Bits quadrant;
  Value high;
  Value low;
};

// Payne and Hanek: 2/pi in four chunks of a lane's precision, of 2/pi 2^(k q) mod 4 for an exponent
// of block q (k bits a block), so that whole turns vanish before they are computed. One way for all
// x; only for |x| < 0.785 is x itself the angle.
template <class B>
MLPJIT_NUMERICS_FN Angle<typename B::Value, typename B::Bits> reduce_angle(const B& b,
                                                                           typename B::Value x) {
  using C = Constants<typename B::Lane>;
  constexpr int count = static_cast<int>(C::kTwoOverPi[0].size());
  const auto exponent = b.template shr<C::kMantissaBits>(b.bits(b.abs(x)));
  const auto over = b.isub(exponent, b.integer(C::kBias + C::kMantissaBits));
  const auto zero = b.integer(0);
  const auto block = b.iselect(b.ilt(over, zero), zero, b.template sar<C::kBlockLog>(over));
  const auto unit = b.isub(b.integer(C::kBias), b.template shl<C::kBlockLog>(block));
  const auto y = b.mul(x, b.value(b.template shl<C::kMantissaBits>(unit)));

  const auto p0 = two_product(b, y, b.lookup(C::kTwoOverPi[0].data(), count, block));
  const auto p1 = two_product(b, y, b.lookup(C::kTwoOverPi[1].data(), count, block));
  const auto p2 = two_product(b, y, b.lookup(C::kTwoOverPi[2].data(), count, block));
  const auto p3 = b.mul(y, b.lookup(C::kTwoOverPi[3].data(), count, block));
  const auto s0 = two_sum(b, modulo_4(b, p0.high), modulo_4(b, p0.low));
  const auto s1 = two_sum(b, s0.high, modulo_4(b, p1.high));
  const auto shift = constant(b, C::kShift);
  const auto shifted = b.add(s1.high, shift);
  const auto fraction = b.sub(s1.high, b.sub(shifted, shift));  // exact
  const auto s2 = two_sum(b, s0.low, s1.low);
  const auto s3 = two_sum(b, p1.low, p2.high);
  const auto s4 = two_sum(b, fraction, s3.high);
  const auto s5 = two_sum(b, s4.high, s2.high);
  auto rest = b.add(b.add(s4.low, s5.low), b.add(s2.low, s3.low));
  rest = b.add(rest, b.add(p2.low, p3));
  const auto turn = fast_two_sum(b, s5.high, rest);

  const auto half_pi = b.constant(C::kHalfPiHigh);
  const auto angle = two_product(b, turn.high, half_pi);
  auto low = b.fma(turn.high, b.constant(C::kHalfPiLow), angle.low);
  low = b.fma(turn.low, half_pi, low);
  const auto small = b.lt(b.abs(x), constant(b, 0.785));
  return {b.bits(shifted), b.select(small, x, angle.high), b.select(small, b.constant(0), low)};
}

// Both polynomials, one of them chosen and signed by the quadrant plus `turns` quarter turns.
template <int turns, class B>
MLPJIT_NUMERICS_FN typename B::Value sine(const B& b, typename B::Value x) {
  using C = Constants<typename B::Lane>;
  const auto angle = reduce_angle(b, x);
  const auto y = angle.high;
  const auto square = b.mul(y, y);
  const auto one = b.constant(1);
  const auto sum = b.add(y, b.fma(b.mul(square, y), polynomial(b, square, C::kSin), angle.low));
  const auto odd = b.select(b.eq(y, b.constant(0)), y, sum);  // -0

  const auto half = b.mul(square, constant(b, 0.5));
  const auto main = b.sub(one, half);
  auto rest = b.sub(b.sub(one, main), half);
  rest = b.fma(b.neg(y), angle.low, rest);
  const auto even = b.add(main, b.fma(b.mul(square, square), polynomial(b, square, C::kCos), rest));

  const auto quadrant = b.iadd(angle.quadrant, b.integer(turns));
  const auto unit = b.integer(1);
  const auto chosen = b.select(b.ieq(b.iand(quadrant, unit), unit), even, odd);
  const auto sign =
      b.template shl<8 * sizeof(typename B::Lane) - 2>(b.iand(quadrant, b.integer(2)));
  return b.value(b.ixor(b.bits(chosen), sign));
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value sin(const B& b, typename B::Value x) {
  return sine<0>(b, x);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Value cos(const B& b, typename B::Value x) {
  return sine<1>(b, x);
}
