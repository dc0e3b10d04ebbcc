// The building blocks of the definitions. No include guard: see elementwise.h.

template <class B>
MLPJIT_NUMERICS_FN typename B::Value constant(const B& b, double x) {
  return b.constant(static_cast<typename B::Lane>(x));
}

// Where a polynomial of so many coefficients is split: the smallest power of two of which there are
// three at most.
constexpr std::size_t polynomial_split(std::size_t count) {
  std::size_t split = 2;
  while (3 * split < count) split *= 2;
  return split;
}

// c[first] + c[first + 1] x + ... of `count` coefficients, where powers[k] is x^(2^k). In pairs,
// pairs of pairs and so on, so that few steps wait for each other.
template <std::size_t first, std::size_t count, class B, std::size_t n, std::size_t m>
MLPJIT_NUMERICS_FN typename B::Value paired(const B& b,
                                            const std::array<typename B::Value, n>& powers,
                                            const std::array<typename B::Value, m>& c) {
  static_assert(count > 0 && first + count <= m);
  if constexpr (count == 1) {
    return c[first];
  } else if constexpr (count == 2) {
    return b.fma(c[first + 1], powers[0], c[first]);
  } else {
    constexpr std::size_t split = polynomial_split(count);
    const auto high = paired<first + split, count - split>(b, powers, c);
    return b.fma(high, powers[std::bit_width(split) - 1], paired<first, split>(b, powers, c));
  }
}

// c[first] + c[first + 1] x + ... to the last. Each step of `paired` at the lowest degrees rounds
// the sum once more: the first `careful` coefficients are added one by one where that is too much.
template <std::size_t first, std::size_t careful, class B, std::size_t n, std::size_t m>
MLPJIT_NUMERICS_FN typename B::Value carefully_paired(
    const B& b, const std::array<typename B::Value, n>& powers,
    const std::array<typename B::Value, m>& c) {
  if constexpr (careful == 0) {
    return paired<first, m - first>(b, powers, c);
  } else {
    return b.fma(carefully_paired<first + 1, careful - 1>(b, powers, c), powers[0], c[first]);
  }
}

template <std::size_t careful = 0, class B, std::size_t m>
MLPJIT_NUMERICS_FN typename B::Value polynomial_of(const B& b, typename B::Value x,
                                                   const std::array<typename B::Value, m>& c) {
  constexpr std::size_t count =
      m - careful <= 2 ? 1 : std::bit_width(polynomial_split(m - careful));
  std::array<typename B::Value, count> powers{x};
  for (std::size_t k = 1; k < count; ++k) powers[k] = b.mul(powers[k - 1], powers[k - 1]);
  return carefully_paired<0, careful>(b, powers, c);
}

template <class B, std::size_t m, std::size_t... i>
MLPJIT_NUMERICS_FN std::array<typename B::Value, m> constants(
    const B& b, const std::array<typename B::Lane, m>& c, std::index_sequence<i...>) {
  return {b.constant(c[i])...};
}

// c[0] + c[1] x + c[2] x^2 + ...
template <std::size_t careful = 0, class B, std::size_t m>
MLPJIT_NUMERICS_FN typename B::Value polynomial(const B& b, typename B::Value x,
                                                const std::array<typename B::Lane, m>& c) {
  return polynomial_of<careful>(b, x, constants(b, c, std::make_index_sequence<m>{}));
}

// A function on 16 pieces, four in each binade of x + start: the piece's center, x less the center,
// and the coefficients of a polynomial in that. `pieces` has the centers, then row by row the
// coefficients, by the two lowest bits of the exponent and the two highest of the mantissa of x +
// start. For 0 <= x < 15 start.
template <class Value, std::size_t m>
struct Piece {
  Value center;
  Value x;
  std::array<Value, m> coefficients;
};

template <class B, std::size_t rows, std::size_t... i>
MLPJIT_NUMERICS_FN std::array<typename B::Value, rows - 1> lookups(
    const B& b, typename B::Bits index,
    const std::array<std::array<typename B::Lane, 16>, rows>& pieces, std::index_sequence<i...>) {
  return {b.lookup(pieces[i + 1].data(), 16, index)...};
}

template <class B, std::size_t rows>
MLPJIT_NUMERICS_FN Piece<typename B::Value, rows - 1> piece_of(
    const B& b, typename B::Value x, double start,
    const std::array<std::array<typename B::Lane, 16>, rows>& pieces) {
  constexpr int mantissa = Constants<typename B::Lane>::kMantissaBits;
  const auto place = b.bits(b.add(x, constant(b, start)));
  const auto index = b.iand(b.template shr<mantissa - 2>(place), b.integer(15));
  const auto center = b.lookup(pieces[0].data(), 16, index);
  return {center, b.sub(x, center),
          lookups(b, index, pieces, std::make_index_sequence<rows - 1>{})};
}

// The polynomial is coefficients[0] + x slope.
template <class B, std::size_t m, std::size_t... i>
MLPJIT_NUMERICS_FN typename B::Value slope_of(const B& b, const Piece<typename B::Value, m>& piece,
                                              std::index_sequence<i...>) {
  return polynomial_of(b, piece.x,
                       std::array<typename B::Value, m - 1>{piece.coefficients[i + 1]...});
}
template <class B, std::size_t m>
MLPJIT_NUMERICS_FN typename B::Value slope_of(const B& b,
                                              const Piece<typename B::Value, m>& piece) {
  return slope_of(b, piece, std::make_index_sequence<m - 1>{});
}
template <class B, std::size_t m>
MLPJIT_NUMERICS_FN typename B::Value value_of(const B& b,
                                              const Piece<typename B::Value, m>& piece) {
  return b.fma(piece.x, slope_of(b, piece), piece.coefficients[0]);
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
  return b.lesser(constant(b, hi), x);
}
template <class B>
MLPJIT_NUMERICS_FN typename B::Value at_least(const B& b, typename B::Value x, double lo) {
  return b.greater(constant(b, lo), x);
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
