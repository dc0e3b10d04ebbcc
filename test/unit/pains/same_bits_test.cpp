// Eager and compiled give the same bits, and threads change none. Peers: pytorch 159239, 179575;
// jax 276, 939 (eager and compiled differ).

#include <cfenv>
#include <cmath>
#include <limits>
#include <thread>

#include "pains.h"

namespace mlpjit {
namespace {

using test::Program;

class SameBits : public test::PainTest {};

Tensor awkward_values() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float denormal = std::numeric_limits<float>::denorm_min();
  return tensor({0.f, -0.f, 1.f, -1.f, denormal, -denormal, 3e38f, -3e38f, kInfinity, -kInfinity,
                 std::numeric_limits<float>::quiet_NaN(), 0.1f, 88.7f, -104.f, 1e-20f, 17.5f});
}

TEST_P(SameBits, WhereCompilersLikeToRearrange) {
  same([] {
    return Program{[](const Tensors& in) {
                     const Tensor x = in[0], y = in[1];
                     return Tensors{x * y + y,
                                    (x + y) - y,
                                    x / y * y,
                                    0 * x,
                                    x + 0,
                                    x - x,
                                    maximum(x, y),
                                    exp(log(x)),
                                    pow(x, 2),
                                    sqrt(x) * sqrt(x),
                                    sigmoid(x) + tanh(y),
                                    sum(x * y),
                                    mean(x),
                                    softmax(x),
                                    where(x == x, x, y),
                                    gelu(x) - silu(y)};
                   },
                   {awkward_values(), awkward_values().slice(0, 0, 16).copy() * 0.3f}};
  });
}

TEST_P(SameBits, UnderTheHostsRounding) {
  nn::HybridSequential net;
  net.add(nn::Dense(33, {.activation = "tanh"}), nn::LayerNorm(), nn::Dense(5));
  net.initialize();
  const Tensor x = random::normal({3, 17});
  const Tensor expected = net(x);
  net.hybridize(options());
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST}) {
    std::fesetround(mode);
    const Tensor compiled = net(x);
    EXPECT_EQ(std::fegetround(), mode);
    std::fesetround(FE_TONEAREST);
    EXPECT_TRUE(identical(compiled, expected)) << mode;
  }
}

TEST_P(SameBits, FromManyThreadsAtOnce) {
  nn::HybridSequential net;
  net.add(nn::Dense(64, {.activation = "relu"}), nn::Dense(64, {.activation = "gelu"}),
          nn::Dense(3));
  net.initialize();
  std::vector<Tensor> inputs, expected;
  for (int batch = 1; batch <= 4; ++batch) {
    inputs.push_back(random::normal({batch, 31}));
    expected.push_back(net(inputs.back()));
  }
  net.hybridize(options());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 40; ++i) {
        const std::size_t which = (i + t) % inputs.size();
        wrong += !identical(net(inputs[which]), expected[which]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(net.explain().compiles, inputs.size());
}

// Kernels of one shape are shared; those that differ in a constant, or in an attribute, are not one.
TEST_P(SameBits, LayersOfOneShapeKeepTheConstantsOfTheirOwn) {
  same([] {
    const Tensors w = {random::normal({16, 16}), random::normal({16, 16}),
                       random::normal({16, 16})};
    return Program{[w](const Tensors& in) {
                     const auto layer = [&](std::size_t i, double alpha, float scale) {
                       return leaky_relu(dense(in[0], w[i]), alpha) * scale;
                     };
                     const Tensor a = layer(0, 0.1, 0.5f), b = layer(1, 0.3, 0.5f);
                     const Tensor c = layer(2, 0.1, 0.25f);
                     return Tensors{a, b, c, elu(b, 0.5) + elu(c, 2.0)};
                   },
                   {random::normal({3, 16})}};
  });
}

MLPJIT_PAINS_IN_ALL_MODES(SameBits);

}  // namespace
}  // namespace mlpjit
