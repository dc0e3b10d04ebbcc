// What the definitions are built from. No include guard: see elementwise.h.

template <class B>
MLPJIT_NUMERICS_FN typename B::Value constant(const B& b, double x) {
  return b.constant(static_cast<typename B::Lane>(x));
}

// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule, one fma a coefficient.
template <class B, std::size_t n, std::size_t... i>
MLPJIT_NUMERICS_FN typename B::Value horner(const B& b, typename B::Value x,
                                            const std::array<typename B::Lane, n>& c,
                                            std::index_sequence<i...>) {
  auto sum = b.constant(c[n - 1]);
  ((sum = b.fma(sum, x, b.constant(c[n - 2 - i]))), ...);
  return sum;
}
template <class B, std::size_t n>
MLPJIT_NUMERICS_FN typename B::Value polynomial(const B& b, typename B::Value x,
                                                const std::array<typename B::Lane, n>& c) {
  return horner(b, x, c, std::make_index_sequence<n - 1>{});
}

// The magnitude of the first with the sign bit of the second; the magnitude has no sign bit.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value with_sign(const B& b, typename B::Value magnitude,
                                               typename B::Value sign) {
  const auto sign_bit = b.integer(std::numeric_limits<typename B::Int>::min());
  return b.value(b.ior(b.bits(magnitude), b.iand(b.bits(sign), sign_bit)));
}

// lo..hi, NaN kept.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value at_most(const B& b, typename B::Value x, double hi) {
  return b.select(b.lt(constant(b, hi), x), constant(b, hi), x);
}
template <class B>
MLPJIT_NUMERICS_FN typename B::Value at_least(const B& b, typename B::Value x, double lo) {
  return b.select(b.lt(x, constant(b, lo)), constant(b, lo), x);
}

template <class Value>
struct Pair {
  Value high;
  Value low;
};

// a + b = high + low exactly (Knuth).
template <class B>
MLPJIT_NUMERICS_FN Pair<typename B::Value> two_sum(const B& b, typename B::Value x,
                                                   typename B::Value y) {
  const auto sum = b.add(x, y);
  const auto part = b.sub(sum, x);
  return {sum, b.add(b.sub(x, b.sub(sum, part)), b.sub(y, part))};
}

// The same for |x| >= |y| or x = 0 (Dekker).
template <class B>
MLPJIT_NUMERICS_FN Pair<typename B::Value> fast_two_sum(const B& b, typename B::Value x,
                                                        typename B::Value y) {
  const auto sum = b.add(x, y);
  return {sum, b.add(b.sub(x, sum), y)};
}

// x y = high + low exactly, save where low underflows.
template <class B>
MLPJIT_NUMERICS_FN Pair<typename B::Value> two_product(const B& b, typename B::Value x,
                                                       typename B::Value y) {
  const auto product = b.mul(x, y);
  return {product, b.fma(x, y, b.neg(product))};
}
