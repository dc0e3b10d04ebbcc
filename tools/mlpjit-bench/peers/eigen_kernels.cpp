// Eigen's expressions for what is no network.
#include "tools/mlpjit-bench/peers/native.h"

#ifdef MLPJIT_BENCH_EIGEN
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace mlpjit::bench::native {
namespace {

using Int = std::int64_t;
using Array = Eigen::Array<float, Eigen::Dynamic, 1>;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using In = Eigen::Map<const Array>;
using Out = Eigen::Map<Array>;
using MatrixIn = Eigen::Map<const RowMajor>;
using MatrixOut = Eigen::Map<RowMajor>;

void add(const float* const* in, const Int* n, float* out) {
  Out(out, *n) = In(in[0], *n) + In(in[1], *n);
}
void multiply_add(const float* const* in, const Int* n, float* out) {
  const In x(in[0], *n), y(in[1], *n);
  Out(out, *n) = (2.f * x + y).cwiseMax(0.f) * x;
}
void activations(const float* const* in, const Int* n, float* out) {
  Out(out, *n) = In(in[0], *n).tanh() * In(in[1], *n).logistic();
}
void softmax(const float* const* in, const Int* sizes, float* out) {
  for (Int r = 0; r < sizes[0]; ++r) {
    const In x(in[0] + r * sizes[1], sizes[1]);
    Out y(out + r * sizes[1], sizes[1]);
    y = (x - x.maxCoeff()).exp();
    y *= 1.f / y.sum();
  }
}
void layer_norm(const float* const* in, const Int* sizes, float* out) {
  const In gamma(in[1], sizes[1]), beta(in[2], sizes[1]);
  for (Int r = 0; r < sizes[0]; ++r) {
    const In x(in[0] + r * sizes[1], sizes[1]);
    const float mean = x.mean();
    const float variance = (x - mean).square().mean();
    Out(out + r * sizes[1], sizes[1]) =
        (x - mean) * (1.f / std::sqrt(variance + 1e-5f)) * gamma + beta;
  }
}
void sum_rows(const float* const* in, const Int* sizes, float* out) {
  Eigen::Map<Eigen::VectorXf>(out, sizes[0]) = MatrixIn(in[0], sizes[0], sizes[1]).rowwise().sum();
}
void sum_columns(const float* const* in, const Int* sizes, float* out) {
  Eigen::Map<Eigen::RowVectorXf>(out, sizes[1]) =
      MatrixIn(in[0], sizes[0], sizes[1]).colwise().sum();
}
void matmul(const float* const* in, const Int* sizes, float* out) {
  const Int m = sizes[1], n = sizes[2], k = sizes[3];
  for (Int i = 0; i < sizes[0]; ++i) {
    MatrixOut(out + i * m * n, m, n).noalias() =
        MatrixIn(in[0] + i * m * k, m, k) * MatrixIn(in[1] + i * k * n, k, n);
  }
}
void vector(const float* const* in, const Int* sizes, float* out) {
  Eigen::Map<Eigen::VectorXf>(out, sizes[0]).noalias() =
      MatrixIn(in[0], sizes[0], sizes[1]) * Eigen::Map<const Eigen::VectorXf>(in[1], sizes[1]);
}

}  // namespace

KernelRun eigen_kernel(Kernel kernel) {
  switch (kernel) {
    case Kernel::add: return add;
    case Kernel::multiply_add: return multiply_add;
    case Kernel::activations: return activations;
    case Kernel::softmax: return softmax;
    case Kernel::layer_norm: return layer_norm;
    case Kernel::sum_rows: return sum_rows;
    case Kernel::sum_columns: return sum_columns;
    case Kernel::matmul: return matmul;
    case Kernel::vector: return vector;
  }
  return nullptr;
}

}  // namespace mlpjit::bench::native
#else
namespace mlpjit::bench::native {

KernelRun eigen_kernel(Kernel) {
  return nullptr;
}

}  // namespace mlpjit::bench::native
#endif
