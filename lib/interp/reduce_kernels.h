#pragma once
// Reductions of floats as functions of one row or of columns side by side; one table per
// instruction set and type.

#include <cstdint>

#include "mlpjit/isa.h"

namespace mlpjit::interp {

// Rows are contiguous. Columns: `n` rows of `columns` elements, `stride` apart; every column is
// reduced into `out`. The orders of docs/numerics.md but for the extremes, which need none.
template <class T>
struct ReduceKernels {
  using Row = T (*)(const T* x, std::int64_t n);
  using Columns = void (*)(const T* x, std::int64_t n, std::int64_t stride, std::int64_t columns,
                           T* out);
  Row sum_row, prod_row, mean_row, var_row, max_row, min_row;
  Columns sum_columns, prod_columns, mean_columns, var_columns, max_columns, min_columns;
  // Index of the first NaN, else of the first extreme; n > 0.
  std::int64_t (*argmax_row)(const T* x, std::int64_t n);
  std::int64_t (*argmin_row)(const T* x, std::int64_t n);
};

template <class T>
const ReduceKernels<T>& reduce_kernels(Isa isa);

}  // namespace mlpjit::interp
