// Reductions of rows and of columns over Machine<T>. Included once per target.

#if defined(MLPJIT_INTERP_REDUCE_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MLPJIT_INTERP_REDUCE_FLOAT_INL_H_
#undef MLPJIT_INTERP_REDUCE_FLOAT_INL_H_
#else
#define MLPJIT_INTERP_REDUCE_FLOAT_INL_H_
#endif

#include <limits>

#include "lib/interp/machine-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

// A reduction: what lanes start from, how a lane takes an element, and how two lanes are joined. B
// is a backend of vectors or of one lane.
template <class T>
struct SumStep {
  static constexpr T kStart = 0;
  template <class B, class V>
  HWY_INLINE V take(const B& b, V lane, V x) const {
    return b.add(lane, x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return b.add(x, y);
  }
};

template <class T>
struct ProductStep {
  static constexpr T kStart = 1;
  template <class B, class V>
  HWY_INLINE V take(const B& b, V lane, V x) const {
    return b.mul(lane, x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return b.mul(x, y);
  }
};

template <class T>
struct MaximumStep {
  static constexpr T kStart = -std::numeric_limits<T>::infinity();
  template <class B, class V>
  HWY_INLINE V take(const B& b, V lane, V x) const {
    return num::maximum(b, lane, x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return num::maximum(b, x, y);
  }
};

template <class T>
struct MinimumStep {
  static constexpr T kStart = std::numeric_limits<T>::infinity();
  template <class B, class V>
  HWY_INLINE V take(const B& b, V lane, V x) const {
    return num::minimum(b, lane, x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return num::minimum(b, x, y);
  }
};

// Sums the squares of the distances from the mean.
template <class T>
struct CentredStep {
  static constexpr T kStart = 0;
  typename Machine<T>::Value mean;
  template <class B, class V>
  HWY_INLINE V take(const B& b, V lane, V x) const {
    const V d = b.sub(x, mean);
    return b.fma(d, d, lane);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return b.add(x, y);
  }
};

// The 16 lanes, as vectors.
template <class T>
struct Lanes {
  using M = Machine<T>;
  using Value = typename M::Value;
  static constexpr std::size_t kVectors = kLanes / M::kWidth;
  Value vectors[kVectors];

  HWY_INLINE void start(const M& machine, T value) {
    for (std::size_t v = 0; v < kVectors; ++v) vectors[v] = machine.constant(value);
  }
  // The fixed tree: lane j takes lane j + 8, then 4, 2, 1; while vectors are left, whole vectors at
  // once.
  template <class Step>
  HWY_INLINE T tree(const M& machine, const Step& step) const {
    Value joined[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) joined[v] = vectors[v];
    for (std::size_t half = kVectors / 2; half > 0; half /= 2) {
      for (std::size_t v = 0; v < half; ++v) {
        joined[v] = step.join(machine, joined[v], joined[v + half]);
      }
    }
    return fold<M::kWidth / 2>(machine, step, joined[0]);
  }

 private:
  template <std::size_t half, class Step>
  static HWY_INLINE T fold(const M& machine, const Step& step, Value x) {
    if constexpr (half == 0) {
      return machine.first_lane(x);
    } else {
      return fold<half / 2>(machine, step, step.join(machine, x, machine.template lower<half>(x)));
    }
  }
};

// element i goes to lane i mod 16 in ascending order.
template <class T, class Step>
HWY_INLINE T reduce_row(const Machine<T>& machine, const Step& step, const T* x, std::int64_t n) {
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  constexpr std::size_t kVectors = Lanes<T>::kVectors;
  Lanes<T> lanes;
  lanes.start(machine, Step::kStart);
  const auto size = static_cast<std::size_t>(n);
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      lanes.vectors[v] = step.take(machine, lanes.vectors[v], machine.load(x + i + v * kWidth));
    }
  }
  const std::size_t rest = size - i;
  for (std::size_t v = 0; v < kVectors; ++v) {
    if (v * kWidth + kWidth <= rest) {
      lanes.vectors[v] = step.take(machine, lanes.vectors[v], machine.load(x + i + v * kWidth));
    } else if (v * kWidth < rest) {
      const std::size_t part = rest - v * kWidth;
      const auto taken =
          step.take(machine, lanes.vectors[v], machine.load_part(x + i + v * kWidth, part));
      lanes.vectors[v] = machine.first(part, taken, lanes.vectors[v]);
    }
  }
  return lanes.tree(machine, step);
}

// One vector of columns, `load` giving row i of them: the lanes are vectors, and the tree joins
// them whole.
template <class T, class Step, class Load>
HWY_INLINE typename Machine<T>::Value reduce_column(const Machine<T>& machine, const Step& step,
                                                    std::int64_t n, const Load& load) {
  typename Machine<T>::Value lanes[kLanes];
  for (std::size_t j = 0; j < kLanes; ++j) lanes[j] = machine.constant(Step::kStart);
  constexpr auto kCount = static_cast<std::int64_t>(kLanes);
  std::int64_t i = 0;
  for (; i + kCount <= n; i += kCount) {
    for (std::size_t j = 0; j < kLanes; ++j) {
      lanes[j] = step.take(machine, lanes[j], load(i + static_cast<std::int64_t>(j)));
    }
  }
  for (std::size_t j = 0; i < n; ++i, ++j) lanes[j] = step.take(machine, lanes[j], load(i));
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t j = 0; j < half; ++j) {
      lanes[j] = step.join(machine, lanes[j], lanes[j + half]);
    }
  }
  return lanes[0];
}

// Rows of a vector of columns; `part` columns of it exist when it is not whole.
template <class T>
struct ColumnLoad {
  const Machine<T>& machine;
  const T* x;
  std::int64_t stride;
  std::size_t part;
  HWY_INLINE typename Machine<T>::Value operator()(std::int64_t i) const {
    const T* row = x + i * stride;
    return part == Machine<T>::kWidth ? machine.load(row) : machine.load_part(row, part);
  }
};

template <class T>
HWY_INLINE void store_columns(const Machine<T>& machine, typename Machine<T>::Value value, T* to,
                              std::size_t part) {
  if (part == Machine<T>::kWidth)
    machine.store(value, to);
  else
    machine.store_part(value, to, part);
}

// How many columns of `count` the vector that starts at column c has.
template <class T>
HWY_INLINE std::size_t part_of(std::int64_t c, std::int64_t count) {
  constexpr auto kWidth = static_cast<std::int64_t>(Machine<T>::kWidth);
  return static_cast<std::size_t>(count - c < kWidth ? count - c : kWidth);
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();
#endif
