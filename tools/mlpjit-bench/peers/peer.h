#pragma once
// What the network is timed against: other libraries that run it, each in this process and on one
// thread.

#include <memory>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"
#include "tools/network.h"

namespace mlpjit::bench {

// Something else that runs the network: a name, and a call that computes into output().
class Peer {
 public:
  virtual ~Peer() = default;
  virtual std::string name() const = 0;
  virtual void run() = 0;
  virtual Tensor output() const = 0;
};

// The peers that are here and can run the network, prepared for the batch of the input.
std::vector<std::unique_ptr<Peer>> make_peers(const tools::NetworkSpec& spec,
                                              const nn::HybridSequential& net, const Tensor& input);
// One line that says which peers are here, and how to get the others.
std::string peers_text();

}  // namespace mlpjit::bench
