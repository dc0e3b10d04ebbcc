// Reductions of rows and of columns over Machine<T>. Included once per target.

#if defined(MLPJIT_INTERP_REDUCE_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MLPJIT_INTERP_REDUCE_FLOAT_INL_H_
#undef MLPJIT_INTERP_REDUCE_FLOAT_INL_H_
#else
#define MLPJIT_INTERP_REDUCE_FLOAT_INL_H_
#endif

#include <limits>
#include <type_traits>

#include "lib/interp/machine-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

// A reduction: how many totals it makes, what their lanes start from, how lanes take an element,
// and how two lanes are joined. B is a backend of vectors or of one lane.
template <class T>
struct SumStep {
  static constexpr int kTotals = 1;
  static constexpr T kStart = 0;
  template <class B, class V>
  HWY_INLINE void take(const B& b, V (&lanes)[1], V x) const {
    lanes[0] = b.add(lanes[0], x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return b.add(x, y);
  }
};

template <class T>
struct ProductStep {
  static constexpr int kTotals = 1;
  static constexpr T kStart = 1;
  template <class B, class V>
  HWY_INLINE void take(const B& b, V (&lanes)[1], V x) const {
    lanes[0] = b.mul(lanes[0], x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return b.mul(x, y);
  }
};

template <class T>
struct MaximumStep {
  static constexpr int kTotals = 1;
  static constexpr T kStart = -std::numeric_limits<T>::infinity();
  template <class B, class V>
  HWY_INLINE void take(const B& b, V (&lanes)[1], V x) const {
    lanes[0] = num::maximum(b, lanes[0], x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return num::maximum(b, x, y);
  }
};

template <class T>
struct MinimumStep {
  static constexpr int kTotals = 1;
  static constexpr T kStart = std::numeric_limits<T>::infinity();
  template <class B, class V>
  HWY_INLINE void take(const B& b, V (&lanes)[1], V x) const {
    lanes[0] = num::minimum(b, lanes[0], x);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return num::minimum(b, x, y);
  }
};

// The distances from the mean, and their squares.
template <class T>
struct CentredStep {
  static constexpr int kTotals = 2;
  static constexpr T kStart = 0;
  typename Machine<T>::Value mean;
  template <class B, class V>
  HWY_INLINE void take(const B& b, V (&lanes)[2], V x) const {
    const V d = b.sub(x, mean);
    lanes[0] = b.add(lanes[0], d);
    lanes[1] = b.fma(d, d, lanes[1]);
  }
  template <class B, class V>
  HWY_INLINE V join(const B& b, V x, V y) const {
    return b.add(x, y);
  }
};

// What a reduction gives: of a row numbers, of columns vectors.
template <class V, int kCount>
struct Totals {
  V of[kCount];
};

// The 16 lanes of each total, as vectors.
template <class T, class Step>
struct Lanes {
  using M = Machine<T>;
  using Value = typename M::Value;
  static constexpr std::size_t kVectors = kLanes / M::kWidth;
  Value vectors[kVectors][Step::kTotals];

  HWY_INLINE void start(const M& machine) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      for (auto& lane : vectors[v]) lane = machine.constant(Step::kStart);
    }
  }
  // The first `part` elements of a vector; the other lanes stay as they are.
  HWY_INLINE void take_part(const M& machine, const Step& step, std::size_t v, Value x,
                            std::size_t part) {
    Value taken[Step::kTotals];
    for (int t = 0; t < Step::kTotals; ++t) taken[t] = vectors[v][t];
    step.take(machine, taken, x);
    for (int t = 0; t < Step::kTotals; ++t)
      vectors[v][t] = machine.first(part, taken[t], vectors[v][t]);
  }
  // The fixed trees.
  HWY_INLINE Totals<T, Step::kTotals> trees(const M& machine, const Step& step) const {
    Totals<T, Step::kTotals> totals;
    for (int t = 0; t < Step::kTotals; ++t) {
      Value joined[kVectors];
      for (std::size_t v = 0; v < kVectors; ++v) joined[v] = vectors[v][t];
      totals.of[t] = tree(machine, step, joined);
    }
    return totals;
  }

 private:
  // Lane j takes lane j + 8, then 4, 2, 1; while vectors are left, whole vectors at once.
  static HWY_INLINE T tree(const M& machine, const Step& step, Value (&joined)[kVectors]) {
    for (std::size_t half = kVectors / 2; half > 0; half /= 2) {
      for (std::size_t v = 0; v < half; ++v) {
        joined[v] = step.join(machine, joined[v], joined[v + half]);
      }
    }
    return fold<M::kWidth / 2>(machine, step, joined[0]);
  }
  template <std::size_t half>
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
HWY_INLINE Totals<T, Step::kTotals> reduce_row(const Machine<T>& machine, const Step& step,
                                               const T* x, std::int64_t n) {
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  constexpr std::size_t kVectors = Lanes<T, Step>::kVectors;
  Lanes<T, Step> lanes;
  lanes.start(machine);
  const auto size = static_cast<std::size_t>(n);
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t v = 0; v < kVectors; ++v)
      step.take(machine, lanes.vectors[v], machine.load(x + i + v * kWidth));
  }
  const std::size_t rest = size - i;
  for (std::size_t v = 0; v < kVectors; ++v) {
    const T* from = x + i + v * kWidth;
    if (v * kWidth + kWidth <= rest) {
      step.take(machine, lanes.vectors[v], machine.load(from));
    } else if (v * kWidth < rest) {
      const std::size_t part = rest - v * kWidth;
      lanes.take_part(machine, step, v, machine.load_part(from, part), part);
    }
  }
  return lanes.trees(machine, step);
}

// One vector of columns, `load` giving row i of them: the lanes are vectors, and the tree joins
// them whole.
template <class T, class Step, class Load>
HWY_INLINE Totals<typename Machine<T>::Value, Step::kTotals> reduce_column(
    const Machine<T>& machine, const Step& step, std::int64_t from, std::int64_t n,
    const Load& load) {
  typename Machine<T>::Value lanes[kLanes][Step::kTotals];
  for (auto& lane : lanes) {
    for (auto& total : lane) total = machine.constant(Step::kStart);
  }
  constexpr auto kCount = static_cast<std::int64_t>(kLanes);
  std::int64_t i = from;
  const std::int64_t end = from + n;
  for (; i + kCount <= end; i += kCount) {
    for (std::size_t j = 0; j < kLanes; ++j)
      step.take(machine, lanes[j], load(i + static_cast<std::int64_t>(j)));
  }
  for (std::size_t j = 0; i < end; ++i, ++j) step.take(machine, lanes[j], load(i));
  Totals<typename Machine<T>::Value, Step::kTotals> totals;
  for (int t = 0; t < Step::kTotals; ++t) {
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
      for (std::size_t j = 0; j < half; ++j) {
        lanes[j][t] = step.join(machine, lanes[j][t], lanes[j + half][t]);
      }
    }
    totals.of[t] = lanes[0][t];
  }
  return totals;
}

// Adds the totals of blocks as a binary counter counts: level l holds those of 2^l blocks.
template <class T, class V, int kCount>
class BlockTotals {
 public:
  HWY_INLINE void add(const Machine<T>& machine, Totals<V, kCount> block) {
    int level = 0;
    for (auto n = ++blocks_; n % 2 == 0; n /= 2) join(machine, levels_[level++], block);
    levels_[level] = block;
  }
  // After one block at least.
  HWY_INLINE Totals<V, kCount> total(const Machine<T>& machine) const {
    int level = 0;
    while ((blocks_ >> level) % 2 == 0) ++level;
    Totals<V, kCount> sum = levels_[level];
    while (blocks_ >> ++level != 0) {
      if ((blocks_ >> level) % 2 != 0) join(machine, levels_[level], sum);
    }
    return sum;
  }

 private:
  static HWY_INLINE void join(const Machine<T>& machine, const Totals<V, kCount>& first,
                              Totals<V, kCount>& sum) {
    for (int t = 0; t < kCount; ++t) {
      if constexpr (std::is_same_v<V, T>) {
        sum.of[t] = first.of[t] + sum.of[t];
      } else {
        sum.of[t] = machine.add(first.of[t], sum.of[t]);
      }
    }
  }

  std::uint64_t blocks_ = 0;
  Totals<V, kCount> levels_[54];  // of 2^63 elements
};

inline constexpr std::int64_t kSumBlock = numerics::kSumBlock;

// Sums of more than a block: block by block.
template <class T, class Step>
HWY_INLINE Totals<T, Step::kTotals> sum_row(const Machine<T>& machine, const Step& step, const T* x,
                                            std::int64_t n) {
  if (n <= kSumBlock) return reduce_row(machine, step, x, n);
  BlockTotals<T, T, Step::kTotals> totals;
  for (std::int64_t i = 0; i < n; i += kSumBlock) {
    const std::int64_t size = n - i < kSumBlock ? n - i : kSumBlock;
    totals.add(machine, reduce_row(machine, step, x + i, size));
  }
  return totals.total(machine);
}

template <class T, class Step, class Load>
HWY_INLINE Totals<typename Machine<T>::Value, Step::kTotals> sum_column(const Machine<T>& machine,
                                                                        const Step& step,
                                                                        std::int64_t n,
                                                                        const Load& load) {
  if (n <= kSumBlock) return reduce_column(machine, step, 0, n, load);
  BlockTotals<T, typename Machine<T>::Value, Step::kTotals> totals;
  for (std::int64_t i = 0; i < n; i += kSumBlock) {
    const std::int64_t size = n - i < kSumBlock ? n - i : kSumBlock;
    totals.add(machine, reduce_column(machine, step, i, size, load));
  }
  return totals.total(machine);
}

// The mean of a row or of columns, and what its distances say.
template <class V>
struct Moments {
  V mean;
  V correction;
  V variance;
};

template <class T>
HWY_INLINE Moments<T> moments_row(const Machine<T>& machine, const T* x, std::int64_t n) {
  const auto count = static_cast<T>(n);
  const T mean = sum_row(machine, SumStep<T>(), x, n).of[0] / count;
  const CentredStep<T> centred{machine.constant(mean)};
  const Totals<T, 2> sums = sum_row(machine, centred, x, n);
  const auto spread = numerics::spread(numerics::ScalarBackend<T>(), sums.of[0], sums.of[1], count);
  return {mean, spread.correction, spread.variance};
}

template <class T, class Load>
HWY_INLINE Moments<typename Machine<T>::Value> moments_column(const Machine<T>& machine,
                                                              std::int64_t n, const Load& load) {
  const auto count = machine.constant(static_cast<T>(n));
  const auto mean = machine.div(sum_column(machine, SumStep<T>(), n, load).of[0], count);
  const auto sums = sum_column(machine, CentredStep<T>{mean}, n, load);
  const auto spread = num::spread(machine, sums.of[0], sums.of[1], count);
  return {mean, spread.correction, spread.variance};
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
