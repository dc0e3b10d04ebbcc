// dense and matmul: shapes brought to matrices for the kernels; integers by plain loops that wrap.

#include <algorithm>
#include <array>
#include <type_traits>

#include "lib/interp/contract_kernels.h"
#include "lib/interp/families.h"
#include "lib/ir/dense_form.h"

namespace mlpjit::interp {

namespace {

using Int = std::int64_t;

// y[M, N] = bias[N] + x[M, K] * b, whose element (k, n) is at b[k * b_k + n * b_n].
template <class T>
void product_of_integers(const T* x, const T* b, Int b_k, Int b_n, const T* bias, T* y, Int m,
                         Int n, Int k) {
  using U = std::make_unsigned_t<T>;
  for (Int r = 0; r < m; ++r) {
    for (Int c = 0; c < n; ++c) {
      U sum = bias == nullptr ? U(0) : static_cast<U>(bias[c]);
      for (Int i = 0; i < k; ++i) {
        sum += static_cast<U>(x[r * k + i]) * static_cast<U>(b[i * b_k + c * b_n]);
      }
      y[r * n + c] = static_cast<T>(sum);
    }
  }
}

struct Sizes {
  Int m, n, k;
};

template <class T>
void dense_of(const Request& request, Sizes s) {
  const auto* x = static_cast<const T*>(request.operands[0].data);
  const auto* w = static_cast<const T*>(request.operands[1].data);
  const T* bias =
      request.operands.size() > 2 ? static_cast<const T*>(request.operands[2].data) : nullptr;
  auto* y = static_cast<T*>(request.results[0].data);
  if constexpr (std::is_integral_v<T>) {
    product_of_integers(x, w, 1, s.k, bias, y, s.m, s.n, s.k);
  } else {
    const ContractKernels<T>& kernels = contract_kernels<T>(request.isa);
    const ir::DenseForm form = ir::dense_form(s.n, s.k);
    if (form.lanes)
      kernels.dense_narrow(x, w, bias, y, s.m, s.n, s.k);
    else
      kernels.dense(x, w, bias, y, s.m, s.n, s.k, form.chains);
  }
}

template <class T>
void multiply(const Request& request, const T* a, const T* b, T* y, Sizes s, bool vectors) {
  if constexpr (std::is_integral_v<T>) {
    product_of_integers<T>(a, b, s.n, 1, nullptr, y, s.m, s.n, s.k);
  } else {
    const ContractKernels<T>& kernels = contract_kernels<T>(request.isa);
    if (vectors)
      kernels.dense_narrow(a, b, nullptr, y, 1, 1, s.k);
    else
      kernels.matmul(a, b, y, s.m, s.n, s.k);
  }
}

// Batch axes of an operand against those of the result: matrices to step by for each, 0 where
// broadcast.
std::array<Int, kMaxRank> batch_steps(std::span<const Int> operand, std::span<const Int> result) {
  std::array<Int, kMaxRank> steps{};
  Int product = 1;
  for (std::size_t i = 0; i < operand.size(); ++i) {
    const Int size = operand[operand.size() - 1 - i];
    steps[result.size() - 1 - i] = size == 1 ? 0 : product;
    product *= size;
  }
  return steps;
}

template <class T>
void matmul_of(const Request& request) {
  const std::span<const Int> a = request.operands[0].shape.sizes();
  const std::span<const Int> b = request.operands[1].shape.sizes();
  const std::span<const Int> y = request.results[0].shape.sizes();
  Sizes s{a.size() > 1 ? a[a.size() - 2] : 1, b.size() > 1 ? b[b.size() - 1] : 1, a[a.size() - 1]};
  const auto leading = [](std::span<const Int> sizes) {
    return sizes.first(sizes.size() > 2 ? sizes.size() - 2 : 0);
  };
  const std::size_t batch_rank = y.size() - (a.size() > 1 ? 1 : 0) - (b.size() > 1 ? 1 : 0);
  const std::span<const Int> batch = y.first(batch_rank);
  const std::array<Int, kMaxRank> a_steps = batch_steps(leading(a), batch);
  const std::array<Int, kMaxRank> b_steps = batch_steps(leading(b), batch);
  Int count = 1;
  for (const Int size : batch) count *= size;
  // Matrices in a row against one and the same are a single taller matrix.
  if (b.size() <= 2 && a.size() > 2) {
    s.m *= count;
    count = 1;
  }
  const auto* x = static_cast<const T*>(request.operands[0].data);
  const auto* w = static_cast<const T*>(request.operands[1].data);
  auto* to = static_cast<T*>(request.results[0].data);
  std::array<Int, kMaxRank> index{};
  Int at_a = 0;
  Int at_b = 0;
  for (Int i = 0; i < count; ++i, to += s.m * s.n) {
    multiply(request, x + at_a * s.m * s.k, w + at_b * s.k * s.n, to, s,
             a.size() == 1 && b.size() == 1);
    for (std::size_t axis = batch.size(); axis-- > 0;) {
      at_a += a_steps[axis];
      at_b += b_steps[axis];
      if (++index[axis] < batch[axis]) break;
      at_a -= a_steps[axis] * batch[axis];
      at_b -= b_steps[axis] * batch[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

void evaluate_dense(const Request& request) {
  if (request.results[0].shape.size() == 0) return;
  const std::span<const Int> w = request.operands[1].shape.sizes();
  const Int m = request.results[0].shape.size() / w[0];
  const Sizes sizes{m, w[0], w[1]};
  switch (request.operands[0].dtype) {
    case DType::f32: return dense_of<float>(request, sizes);
    case DType::f64: return dense_of<double>(request, sizes);
    case DType::i32: return dense_of<std::int32_t>(request, sizes);
    default: return dense_of<Int>(request, sizes);
  }
}

void evaluate_matmul(const Request& request) {
  if (request.results[0].shape.size() == 0) return;
  switch (request.operands[0].dtype) {
    case DType::f32: return matmul_of<float>(request);
    case DType::f64: return matmul_of<double>(request);
    case DType::i32: return matmul_of<std::int32_t>(request);
    default: return matmul_of<Int>(request);
  }
}

}  // namespace mlpjit::interp
