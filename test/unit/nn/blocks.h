#pragma once
// Blocks that several tests use.

#include "test/unit/nn/modes.h"

namespace mlpjit::test {

// A user's block that counts how often its C++ runs.
struct HybridNet : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(4));
  nn::Dense output = child("output", nn::Dense(2));
  int calls = 0;
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    ++calls;
    return output(F.relu(hidden(input)));
  }
};

// One that cannot be hybridized.
struct Plain : nn::Block {
  int calls = 0;
  Tensor forward(const Tensor& x) override {
    ++calls;
    return x * 2;
  }
};

inline nn::HybridSequential seed_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(16, {.activation = "relu"}), nn::Dense(8, {.activation = "relu"}),
          nn::Dense(2));
  net.initialize();
  return net;
}

}  // namespace mlpjit::test
