#pragma once
// What kernels that are no networks are timed against.

#include <cstdint>
#include <memory>
#include <vector>

#include "tools/mlpjit-bench/peers/native.h"
#include "tools/mlpjit-bench/peers/peer.h"

namespace mlpjit::bench {

struct KernelProblem {
  native::Kernel kernel;
  std::vector<std::int64_t> sizes;  // as native.h says
  Tensors inputs;
  Shape result;
};

// The peers that are here and have it.
std::vector<std::unique_ptr<Peer>> make_kernel_peers(const KernelProblem& problem);
// Null where oneDNN is not here or has no such primitive.
std::unique_ptr<Peer> make_onednn_kernel(const KernelProblem& problem);

}  // namespace mlpjit::bench
