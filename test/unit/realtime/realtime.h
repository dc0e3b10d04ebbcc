#pragma once
// What the tests of calls in hard real time share.

#include <gtest/gtest.h>

#include "mlpjit/mlpjit.h"
#include "test/unit/frontend/expect_error.h"

namespace mlpjit::test {

// Needs the code generator.
class RealTimeTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      compile(trace([](Tensor x) { return x; }, f32({1})));
    } catch (const UnsupportedError& error) {
      GTEST_SKIP() << error.what();
    }
  }
};

// The usual policy of reinforcement learning.
inline nn::HybridSequential policy() {
  nn::HybridSequential net;
  net.add(nn::Dense(64, {.activation = "tanh", .in_units = 27}),
          nn::Dense(64, {.activation = "tanh", .in_units = 64}), nn::Dense(6, {.in_units = 64}));
  net.initialize(nn::Normal(0.5));
  return net;
}

}  // namespace mlpjit::test
