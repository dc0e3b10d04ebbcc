#pragma once
// Peers that are compiled for the CPU of the build (-march=native). Those files include this header
// and nothing else of the tool: the linker keeps one copy of an inline function, which must not be
// one with instructions that other CPUs lack.

#include <cstddef>
#include <cstdint>

#include "tools/mlpjit-bench/peers/activation.h"

namespace mlpjit::bench::native {

struct Layer {
  std::int64_t inputs, outputs;
  const float* weight;  // [outputs, inputs]
  const float* bias;
};

struct Network {
  const Layer* layers;
  std::size_t count;
  Activation activation;  // of all layers but the last
  std::int64_t batch;
};

// A network with weights of its own.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual void run(const float* input, float* output) = 0;
};

// What is no network: f32 tensors, row-major.
enum class Kernel : std::uint8_t {
  add,           // x + y, of [n]
  multiply_add,  // relu(2 x + y) x, of [n]
  activations,   // tanh(x) sigmoid(y), of [n]
  softmax,       // over rows of [rows, columns]
  layer_norm,    // of rows, gamma and beta beside them
  sum_rows,      // of [rows, columns]
  sum_columns,
  matmul,  // [batch, m, k] with [batch, k, n]
  vector   // [m, k] with [k]
};
// Of the result's axes and, of products, k: n; or rows, columns; or batch, m, n, k; or m, k.
using KernelRun = void (*)(const float* const* inputs, const std::int64_t* sizes, float* output);
// Null where Eigen was not found.
KernelRun eigen_kernel(Kernel kernel);

// The caller's to delete; null where it cannot run that.
Runner* make_eigen(const Network& network);
Runner* make_plain(const Network& network);

void activate(Activation activation, float* values, std::size_t count);

// What the compiler was told that the CPU has.
extern const bool kUsesAvx2, kUsesAvx512;
extern const char* const kEigenVersion;  // null where it was not found

}  // namespace mlpjit::bench::native

namespace mlpjit::bench {

// Whether this CPU can run what was compiled for the CPU of the build.
bool native_runs_here();

}  // namespace mlpjit::bench
