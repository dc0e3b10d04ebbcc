#pragma once
// What is no network: element-wise chains, reductions, rows, products of matrices.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/mlpjit-bench/peers/native.h"
#include "tools/mlpjit-bench/suite/machine.h"
#include "tools/mlpjit-bench/suite/timing.h"

namespace mlpjit::bench {

struct KernelCase {
  std::string name;
  native::Kernel kernel;
  std::vector<std::int64_t> sizes;  // as native.h says
  std::vector<Shape> inputs;
  std::function<Tensor(const Tensors& inputs)> function;
  double flops = 0;   // of products of matrices
  double cycles = 0;  // of the multiply-add ports for a vector of what is no product
  bool quick = false;

  Shape result() const;
  // Of inputs and result, each read or written once.
  double bytes() const;
};

const std::vector<KernelCase>& kernel_cases();

struct KernelResult : Measured {
  KernelCase measured;
  double compute = 0, memory = 0;  // microseconds that one core needs at least
  double limit() const { return compute > memory ? compute : memory; }
  const char* limited_by() const { return compute > memory ? "FMA" : "memory"; }
};

KernelResult measure_kernel(const KernelCase& one, int rounds, bool quick, const Machine& machine);

}  // namespace mlpjit::bench
