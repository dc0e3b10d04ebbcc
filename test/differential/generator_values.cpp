// Sizes, shapes and tensors: small and awkward ones, with special values among them.

#include <limits>

#include "test/differential/builder.h"

namespace mlpjit::differential {

std::int64_t any_dim(Choices& choices) {
  static const std::vector<std::int64_t> kDims = {0,  1,  2,  3,  7,  8,  9,   15,
                                                  16, 17, 31, 33, 63, 65, 127, 1023};
  static const std::vector<std::int64_t> kSmall = {1, 2, 3, 5, 8, 16, 17};
  return choices.chance(60) ? choices.pick(kSmall) : choices.pick(kDims);
}

Shape any_shape(Choices& choices) {
  const auto rank = static_cast<int>(choices.chance(70) ? 1 + choices.below(2) : choices.below(5));
  Shape shape;
  std::int64_t elements = 1;
  for (int i = 0; i < rank; ++i) {
    std::int64_t d = any_dim(choices);
    if (elements * d > kMaxElements) d = 1;
    elements *= d;
    shape.push_back(d);
  }
  return shape;
}

namespace {

template <class T>
T special(Choices& choices) {
  using L = std::numeric_limits<T>;
  const T values[] = {T(0),           -T(0),           L::infinity(),    -L::infinity(),
                      L::quiet_NaN(), L::denorm_min(), -L::denorm_min(), L::min(),
                      L::min() / 2,   L::max(),        L::lowest(),      T(1),
                      T(-1),          T(0.5),          T(88.7),          T(-88.7),
                      T(-104),        T(1e10),         T(2.5),           T(-0.5),
                      L::epsilon()};
  return values[choices.below(std::size(values))];
}

template <class T>
Tensor any_floats(Choices& choices, const Shape& shape) {
  std::vector<T> v(static_cast<std::size_t>(shape.size()));
  const unsigned specials = choices.chance(35) ? 25 : 0;
  const T scale = choices.chance(20) ? T(30) : T(1);
  std::mt19937_64 noise(choices.below(1u << 16));
  std::normal_distribution<double> normal;
  for (T& x : v)
    x = noise() % 100 < specials ? special<T>(choices) : static_cast<T>(normal(noise)) * scale;
  return tensor(v, shape);
}

}  // namespace

Tensor any_floats_of(Choices& choices, DType dtype, const Shape& shape) {
  return cast(any_floats<float>(choices, shape), dtype);
}

namespace {

template <class T>
Tensor any_integers(Choices& choices, const Shape& shape) {
  std::vector<T> v(static_cast<std::size_t>(shape.size()));
  const bool wide = choices.chance(15);
  std::mt19937_64 noise(choices.below(1u << 16));
  for (T& x : v)
    x = wide ? static_cast<T>(noise()) : static_cast<T>(static_cast<int>(noise() % 13) - 4);
  return tensor(v, shape);
}

}  // namespace

Tensor any_tensor(Choices& choices, const Shape& shape) {
  switch (choices.below(10)) {
    case 0:
    case 1: return any_floats<double>(choices, shape);
    case 2: return any_integers<std::int32_t>(choices, shape);
    case 3: return any_integers<std::int64_t>(choices, shape);
    case 4: return any_floats<float>(choices, shape) > 0;
    default: return any_floats<float>(choices, shape);
  }
}

}  // namespace mlpjit::differential
