#pragma once
// The network that is timed: the same weights and inputs for mlpjit and for its peers.

#include <cstdint>

#include "mlpjit/mlpjit.h"
#include "tools/network.h"

namespace mlpjit::bench {

using tools::NetworkSpec;

// Weights drawn with standard deviation 1/sqrt(K), biases with 0.1, always the same.
nn::HybridSequential make_network(const NetworkSpec& spec);
Tensor make_input(const NetworkSpec& spec, std::int64_t batch);
double flops(const NetworkSpec& spec, std::int64_t batch);

}  // namespace mlpjit::bench
