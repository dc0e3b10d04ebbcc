#pragma once
// The network that is timed: the same weights and inputs for mlpjit and for its peers.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"
#include "tools/network.h"

namespace mlpjit::bench {

using tools::NetworkSpec;

// Weights drawn with standard deviation 1/sqrt(K), biases with 0.1, always the same.
nn::HybridSequential make_network(const NetworkSpec& spec);
Tensor make_input(const NetworkSpec& spec, std::int64_t batch);
double flops(const NetworkSpec& spec, std::int64_t batch);

// Something else that runs the network: a name, and a call that computes into output().
class Peer {
 public:
  virtual ~Peer() = default;
  virtual std::string name() const = 0;
  virtual void run() = 0;
  virtual Tensor output() const = 0;
};

// The peers built in, prepared for one batch; none for what they cannot run.
std::vector<std::unique_ptr<Peer>> make_peers(const NetworkSpec& spec,
                                              const nn::HybridSequential& net, const Tensor& input);
// One line that says which peers this build has.
std::string peers_text();

}  // namespace mlpjit::bench
