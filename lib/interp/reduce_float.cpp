// Reductions of floats: one table of kernels per instruction set.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/reduce_float.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/reduce_float-inl.h"
#include "lib/interp/reduce_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

using Int = std::int64_t;

template <class T, template <class> class Step>
T row(const T* x, Int n) {
  return reduce_row(Machine<T>(), Step<T>(), x, n).of[0];
}

template <class T>
T sum(const T* x, Int n) {
  return sum_row(Machine<T>(), SumStep<T>(), x, n).of[0];
}

template <class T>
T mean_row(const T* x, Int n) {
  return sum<T>(x, n) / static_cast<T>(n);
}

template <class T>
T var_row(const T* x, Int n) {
  return moments_row(Machine<T>(), x, n).variance;
}

// f gives what a vector of columns reduces to, of a function that loads their rows.
template <class T, class F>
HWY_INLINE void each_columns(const T* x, Int stride, Int count, T* out, const F& f) {
  const Machine<T> machine;
  for (Int c = 0; c < count; c += static_cast<Int>(Machine<T>::kWidth)) {
    const std::size_t part = part_of<T>(c, count);
    const ColumnLoad<T> load{machine, x + c, stride, part};
    store_columns(machine, f(machine, load), out + c, part);
  }
}

template <class T, template <class> class Step>
void columns(const T* x, Int n, Int stride, Int count, T* out) {
  each_columns(x, stride, count, out,
               [n](const Machine<T>& machine, const ColumnLoad<T>& load)
                   HWY_ATTR { return reduce_column(machine, Step<T>(), 0, n, load).of[0]; });
}

template <class T>
void sum_columns(const T* x, Int n, Int stride, Int count, T* out) {
  each_columns(x, stride, count, out,
               [n](const Machine<T>& machine, const ColumnLoad<T>& load)
                   HWY_ATTR { return sum_column(machine, SumStep<T>(), n, load).of[0]; });
}

template <class T>
void mean_columns(const T* x, Int n, Int stride, Int count, T* out) {
  each_columns(x, stride, count, out,
               [n](const Machine<T>& machine, const ColumnLoad<T>& load) HWY_ATTR {
                 const auto divisor = machine.constant(static_cast<T>(n));
                 return machine.div(sum_column(machine, SumStep<T>(), n, load).of[0], divisor);
               });
}

template <class T>
void var_columns(const T* x, Int n, Int stride, Int count, T* out) {
  each_columns(x, stride, count, out,
               [n](const Machine<T>& machine, const ColumnLoad<T>& load)
                   HWY_ATTR { return moments_column(machine, n, load).variance; });
}

// The extreme first, then where it stands: both are fast passes.
template <class T, template <class> class Step>
Int arg_row(const T* x, Int n) {
  const T extreme = row<T, Step>(x, n);
  Int i = 0;
  if (extreme != extreme) {
    while (x[i] == x[i]) ++i;
  } else {
    while (!(x[i] == extreme)) ++i;
  }
  return i;
}

template <class T>
const ReduceKernels<T>& reduce_table() {
  static constexpr ReduceKernels<T> kTable = {sum<T>,
                                              row<T, ProductStep>,
                                              mean_row<T>,
                                              var_row<T>,
                                              row<T, MaximumStep>,
                                              row<T, MinimumStep>,
                                              sum_columns<T>,
                                              columns<T, ProductStep>,
                                              mean_columns<T>,
                                              var_columns<T>,
                                              columns<T, MaximumStep>,
                                              columns<T, MinimumStep>,
                                              arg_row<T, MaximumStep>,
                                              arg_row<T, MinimumStep>};
  return kTable;
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::interp {
MLPJIT_KERNEL_TABLES(ReduceKernels, reduce_kernels, reduce_table)
}  // namespace mlpjit::interp
#endif
