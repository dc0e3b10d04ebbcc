#pragma once
// Products of matrices of floats: kernels per instruction set and type. The numerics contract fixes
// every chain, so tiles and packing change the speed and never the bits.

#include <cstdint>

#include "mlpjit/isa.h"

namespace mlpjit::interp {

template <class T>
struct ContractKernels {
  // y[M, N] = so many chains (1, 2 or 4) over k of x[M, K] * w[N, K], from bias[N] (may be null).
  void (*dense)(const T* x, const T* w, const T* bias, T* y, std::int64_t m, std::int64_t n,
                std::int64_t k, int chains);
  // The same in the lane form, for few outputs; the bias is added last.
  void (*dense_narrow)(const T* x, const T* w, const T* bias, T* y, std::int64_t m, std::int64_t n,
                       std::int64_t k);
  // y[M, N] = chain over k of a[M, K] * b[K, N].
  void (*matmul)(const T* a, const T* b, T* y, std::int64_t m, std::int64_t n, std::int64_t k);
};

template <class T>
const ContractKernels<T>& contract_kernels(Isa isa);

}  // namespace mlpjit::interp
