// softmax, log_softmax and layer_norm of floats, per instruction set.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/row_float.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/reduce_float-inl.h"
#include "lib/interp/row_kernels.h"
#include "lib/numerics/highway_elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

using Int = std::int64_t;

// y = f(x), vector by vector. f may be given lanes of zeros beyond the end, whose results are
// dropped.
template <class T, class F>
HWY_INLINE void map_row(const Machine<T>& machine, const T* x, Int n, T* y, const F& f) {
  for (Int i = 0; i < n; i += static_cast<Int>(Machine<T>::kWidth)) {
    const std::size_t part = part_of<T>(i, n);
    if (part == Machine<T>::kWidth) {
      machine.store(f(machine.load(x + i)), y + i);
    } else {
      machine.store_part(f(machine.load_part(x + i, part)), y + i, part);
    }
  }
}

template <class T>
struct ExpOfDifference {
  const Machine<T>& machine;
  typename Machine<T>::Value max;
  HWY_INLINE typename Machine<T>::Value operator()(typename Machine<T>::Value x) const {
    return num::exp(machine, machine.sub(x, max));
  }
};

template <class T>
struct DivideBy {
  const Machine<T>& machine;
  typename Machine<T>::Value divisor;
  HWY_INLINE typename Machine<T>::Value operator()(typename Machine<T>::Value x) const {
    return machine.div(x, divisor);
  }
};

template <class T>
struct SubtractTwice {
  const Machine<T>& machine;
  typename Machine<T>::Value first;
  typename Machine<T>::Value second;
  HWY_INLINE typename Machine<T>::Value operator()(typename Machine<T>::Value x) const {
    return machine.sub(machine.sub(x, first), second);
  }
};

// y holds the exponentials between the passes.
template <class T>
void softmax_row(const T* x, Int n, bool log, T* y) {
  const Machine<T> machine;
  const auto max = machine.constant(reduce_row(machine, MaximumStep<T>(), x, n).of[0]);
  map_row(machine, x, n, y, ExpOfDifference<T>{machine, max});
  const auto sum = machine.constant(sum_row(machine, SumStep<T>(), y, n).of[0]);
  if (log) {
    map_row(machine, x, n, y, SubtractTwice<T>{machine, max, num::log(machine, sum)});
  } else {
    map_row(machine, y, n, y, DivideBy<T>{machine, sum});
  }
}

template <class T>
void softmax_columns(const T* x, Int n, Int stride, Int count, bool log, T* y) {
  const Machine<T> machine;
  for (Int c = 0; c < count; c += static_cast<Int>(Machine<T>::kWidth)) {
    const std::size_t part = part_of<T>(c, count);
    const ColumnLoad<T> load{machine, x + c, stride, part};
    const ColumnLoad<T> load_exp{machine, y + c, stride, part};
    const ExpOfDifference<T> exp{machine,
                                 reduce_column(machine, MaximumStep<T>(), 0, n, load).of[0]};
    for (Int i = 0; i < n; ++i) store_columns(machine, exp(load(i)), y + c + i * stride, part);
    const auto sum = sum_column(machine, SumStep<T>(), n, load_exp).of[0];
    const SubtractTwice<T> subtract{machine, exp.max, num::log(machine, sum)};
    for (Int i = 0; i < n; ++i) {
      const auto value = log ? subtract(load(i)) : machine.div(load_exp(i), sum);
      store_columns(machine, value, y + c + i * stride, part);
    }
  }
}

template <class T>
void layer_norm_row(const T* x, const T* gamma, const T* beta, double epsilon, Int n, T* y) {
  const Machine<T> machine;
  const Moments<T> moments = moments_row(machine, x, n);
  const auto mean = machine.constant(moments.mean);
  const auto correction = machine.constant(moments.correction);
  const auto spread = machine.constant(moments.variance + static_cast<T>(epsilon));
  const auto scale = machine.div(machine.constant(1), machine.sqrt(spread));
  for (Int i = 0; i < n; i += static_cast<Int>(Machine<T>::kWidth)) {
    const std::size_t part = part_of<T>(i, n);
    const auto load = [&](const T* from)
                          HWY_ATTR { return ColumnLoad<T>{machine, from + i, 0, part}(0); };
    const auto centred = machine.sub(machine.sub(load(x), mean), correction);
    const auto normal = machine.mul(centred, scale);
    store_columns(machine, machine.fma(normal, load(gamma), load(beta)), y + i, part);
  }
}

template <class T>
const RowKernels<T>& row_table() {
  static constexpr RowKernels<T> kTable = {softmax_row<T>, softmax_columns<T>, layer_norm_row<T>};
  return kTable;
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::interp {
MLPJIT_KERNEL_TABLES(RowKernels, row_kernels, row_table)
}  // namespace mlpjit::interp
#endif
