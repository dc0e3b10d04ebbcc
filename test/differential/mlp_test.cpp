// Networks: a row of a larger batch has the bits of the row alone; splitting, concatenating and
// permuting keep the bits; the caller's floating-point environment does not matter.

#include <gtest/gtest.h>

#include "mlpjit/mlpjit.h"
#include "test/differential/modes.h"

namespace mlpjit::differential {
namespace {

struct Case {
  std::vector<std::int64_t> sizes;
  std::string activation;
};

const std::vector<Case> kCases = {
    {{512, 256, 128, 2}, "relu"}, {{37, 101, 53, 3}, "tanh"},
    {{1, 16, 16, 1}, "tanh"},     {{24, 32, 32, 1}, "sigmoid"},
    {{48, 130, 65, 12}, "elu"},   {{13, 17, 16}, "gelu"},
    {{200, 16}, "relu"},          {{191, 16, 1}, "silu"},
    {{0, 5, 3}, "relu"},          {{32, 64, 64, 16}, "softplus"},
};

nn::HybridSequential make_net(const Case& c) {
  nn::HybridSequential net;
  for (std::size_t i = 1; i < c.sizes.size(); ++i) {
    const bool last = i + 1 == c.sizes.size();
    net.add(nn::Dense(c.sizes[i],
                      {.activation = last ? "" : c.activation, .in_units = c.sizes[i - 1]}));
  }
  net.initialize(nn::Normal(0.2));
  for (auto& [path, p] : net.collect_params()) {
    if (path.find("bias") != std::string::npos) p.set_data(random::normal(p.shape()));
  }
  return net;
}

std::vector<HybridizeOptions> all_options() {
  std::vector<HybridizeOptions> all = {{.backend = Backend::graph}};
  for (Isa isa : runnable_isas()) all.push_back({.isa = isa});
  return all;
}

TEST(Networks, GiveARowTheSameBitsInEveryBatchAndMode) {
  for (const Case& c : kCases) {
    auto net = make_net(c);
    const Tensor x = random::normal({65, c.sizes[0]});
    const Tensor want = net(x);
    for (const HybridizeOptions& options : all_options()) {
      net.hybridize(options);
      for (std::int64_t batch : {1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 31, 64, 65}) {
        const Tensor part = net(x.slice(0, 65 - batch, 65));
        ASSERT_TRUE(identical(part, want.slice(0, 65 - batch, 65)))
            << c.sizes[0] << "... " << c.activation << " batch " << batch;
      }
    }
  }
}

TEST(Networks, KeepTheirBitsWhenABatchIsSplitAndConcatenated) {
  for (const Case& c : kCases) {
    auto net = make_net(c);
    const Tensor x = random::normal({20, c.sizes[0]});
    net.hybridize();
    const Tensor want = net(x);
    const Tensor joined = concat({net(x.slice(0, 0, 7)), net(x.slice(0, 7, 20))}, 0);
    EXPECT_TRUE(identical(joined, want));
  }
}

TEST(Networks, PermuteTheirOutputsWithTheRowsOfTheLastWeight) {
  auto net = make_net({{40, 33, 21}, "relu"});
  const Tensor x = random::normal({5, 40});
  net.hybridize();
  const Tensor before = net(x);
  std::vector<std::int64_t> order(21);
  for (std::int64_t i = 0; i < 21; ++i) order[static_cast<std::size_t>(i)] = i * 8 % 21;
  const Tensor permutation = tensor(order, {21});
  auto params = net.collect_params();
  params["1.weight"].set_data(gather(params["1.weight"].data(), permutation, 0));
  params["1.bias"].set_data(gather(params["1.bias"].data(), permutation, 0));
  EXPECT_TRUE(identical(net(x), gather(before, permutation, 1)));
}

TEST(Networks, DoNotDependOnTheCallersFloatingPointEnvironment) {
  for (const Case& c : kCases) {
    auto net = make_net(c);
    // Small numbers, so that denormals appear.
    const Tensor x = random::normal({9, c.sizes[0]}) * 1e-38;
    const Tensor want = net(x);
    for (const HybridizeOptions& options : all_options()) {
      for (const unsigned control : HostEnvironment::kOthers) {
        Tensor imperative, compiled;
        {
          const HostEnvironment host(control);
          net.hybridize(false);
          imperative = net(x);
          net.hybridize(options);
          compiled = net(x);
          EXPECT_TRUE(host.kept());
        }
        EXPECT_TRUE(identical(imperative, want));
        EXPECT_TRUE(identical(compiled, want));
      }
    }
  }
}

}  // namespace
}  // namespace mlpjit::differential
