#pragma once
// softmax, log_softmax and layer_norm: kernels per instruction set and type.

#include <cstdint>

#include "mlpjit/isa.h"

namespace mlpjit::interp {

template <class T>
struct RowKernels {
  // One contiguous row of n > 0 elements.
  void (*softmax_row)(const T* x, std::int64_t n, bool log, T* y);
  // `columns` columns of n rows, `stride` apart in x and y.
  void (*softmax_columns)(const T* x, std::int64_t n, std::int64_t stride, std::int64_t columns,
                          bool log, T* y);
  void (*layer_norm_row)(const T* x, const T* gamma, const T* beta, double epsilon, std::int64_t n,
                         T* y);
};

template <class T>
const RowKernels<T>& row_kernels(Isa isa);

}  // namespace mlpjit::interp
