// Weights may be set, loaded or replaced at any time, while other threads call included: seen at
// the next call without recompiling; a call sees all of the old or all of the new values. Peers:
// mxnet 3946, 16431; pytorch 105943, 118260 (calls and changes race).

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "pains.h"

namespace mlpjit {
namespace {

class Weights : public test::PainTest {};

// Every element of the result is the sum of one weight's elements, so that a torn weight shows.
constexpr int kWide = 4096;

nn::HybridSequential wide_net(float value) {
  nn::HybridSequential net;
  net.add(nn::Dense(32, {.use_bias = false, .in_units = kWide}), nn::Dense(1, {.in_units = 32}));
  net.initialize(nn::Constant(value));
  return net;
}

TEST_P(Weights, ACallSeesAllOfTheOldOrAllOfTheNew) {
  for (const bool hybrid : {true, false}) {
    SCOPED_TRACE(hybrid ? "hybridized" : "imperative");
    auto net = wide_net(1);
    if (hybrid) net.hybridize(options());
    const Tensor x = ones({1, kWide});
    const Tensor with_one = net(x);
    nn::Parameter weight = net.collect_params()["0.weight"];
    const Tensor ones_weight = ones({32, kWide}), twos_weight = full({32, kWide}, 2.f);
    weight.set_data(twos_weight);
    const Tensor with_two = net(x);
    EXPECT_FALSE(identical(with_one, with_two));
    std::atomic<bool> stop{false};
    std::atomic<int> torn{0}, calls{0};
    std::vector<std::thread> callers;
    for (int t = 0; t < 3; ++t) {
      callers.emplace_back([&] {
        while (!stop) {
          const Tensor y = net(x);
          torn += !identical(y, with_one) && !identical(y, with_two);
          ++calls;
        }
      });
    }
    for (int i = 0; i < 60; ++i) weight.set_data(i % 2 == 0 ? ones_weight : twos_weight);
    while (calls < 20) std::this_thread::yield();
    stop = true;
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(torn, 0);
    if (hybrid) {
      EXPECT_EQ(net.explain().compiles, 1u);
    }
  }
}

TEST_P(Weights, UpdatesInPlaceAreSeenWholeToo) {
  auto net = wide_net(1);
  net.hybridize(options());
  const Tensor x = ones({1, kWide});
  const Tensor with_one = net(x);
  Tensor weight = net.collect_params()["0.weight"].data();
  weight *= 2;
  const Tensor with_two = net(x);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0}, calls{0};
  std::thread caller([&] {
    while (!stop) {
      const Tensor y = net(x);
      torn += !identical(y, with_one) && !identical(y, with_two);
      ++calls;
    }
  });
  for (int i = 0; i < 60; ++i) {
    if (i % 4 < 2) {
      weight *= tensor(i % 2 == 0 ? 0.5f : 2.f);
    } else {
      weight.slice(0, 0, 32).assign(full({32, kWide}, i % 2 == 0 ? 1.f : 2.f));
    }
  }
  while (calls < 20) std::this_thread::yield();
  stop = true;
  caller.join();
  EXPECT_EQ(torn, 0);
  weight.assign(ones({32, kWide}));
  EXPECT_TRUE(identical(net(x), with_one));
}

// Whether a write may happen in place or needs new memory: what it does not touch stays.
TEST_P(Weights, AWriteGivesWhatItGivesWhereNoProgramReads) {
  const std::pair<const char*, void (*)(Tensor, const Tensor&)> writes[] = {
      {"assign", [](Tensor w, const Tensor& by) { w.assign(by); }},
      {"+=", [](Tensor w, const Tensor& by) { w += by; }},
      {"-=", [](Tensor w, const Tensor& by) { w -= by; }},
      {"*= of a row", [](Tensor w, const Tensor& by) { w *= by.slice(0, 0, 1); }},
      {"/= of a number", [](Tensor w, const Tensor&) { w /= 3; }},
      {"slice().assign", [](Tensor w, const Tensor& by) { w.slice(0, 1, 2).assign(max(by)); }},
      {"slice() +=", [](Tensor w, const Tensor& by) { w.slice(0, 2, 3) += by.slice(0, 0, 1); }},
      {"slice() -=", [](Tensor w, const Tensor& by) { w.slice(1, 3, 4) -= by.slice(1, 0, 1); }},
      {"slice() *=", [](Tensor w, const Tensor&) { w.slice(1, 0, 60, 7) *= 2; }},
      {"slice() /=", [](Tensor w, const Tensor&) { w.slice(-1, -9, 60) /= 3; }}};
  for (const bool looked_at : {false, true}) {
    Tensor plain = random::normal({7, 61}), weight = plain.copy();
    const auto net = jit([weight](const Tensor& x) { return matmul(x, weight); }, options());
    for (int round = 0; round < 3; ++round) {
      for (const auto& [name, write] : writes) {
        const Tensor by = random::normal({7, 61}), x = random::normal({2, 7});
        write(plain, by);
        if (looked_at) static_cast<void>(weight.data<float>());  // the span must stay readable
        write(weight, by);
        EXPECT_TRUE(identical(weight, plain)) << name << (looked_at ? ", looked at" : "");
        EXPECT_TRUE(identical(net(x), matmul(x, plain))) << name;
      }
    }
  }
}

TEST_P(Weights, ALoadIsSeenWholeOrNotAtAll) {
  const std::string folder = testing::TempDir() + "load_" + std::string(to_string(GetParam()));
  const std::string one = folder + "_one.params", two = folder + "_two.params";
  wide_net(1).save_parameters(one);
  wide_net(2).save_parameters(two);
  auto net = wide_net(1);
  net.hybridize(options());
  const Tensor x = ones({1, kWide});
  const Tensor with_one = net(x);
  net.load_parameters(two);
  const Tensor with_two = net(x);
  std::atomic<bool> stop{false};
  std::atomic<int> mixed{0}, calls{0};
  std::thread caller([&] {
    while (!stop) {
      const Tensor y = net(x);
      mixed += !identical(y, with_one) && !identical(y, with_two);
      ++calls;
    }
  });
  for (int i = 0; i < 20; ++i) net.load_parameters(i % 2 == 0 ? one : two);
  while (calls < 20) std::this_thread::yield();
  stop = true;
  caller.join();
  EXPECT_EQ(mixed, 0);
  EXPECT_EQ(net.explain().compiles, 1u);
  std::filesystem::remove(one);
  std::filesystem::remove(two);
}

TEST_P(Weights, ATensorThatAJittedFunctionCapturedToo) {
  Tensor w = ones({kWide});
  const auto f = jit([w] { return sum(w * w); }, options());
  const Tensor with_one = f();
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0}, calls{0};
  std::thread caller([&] {
    while (!stop) {
      const float value = f().item<float>();
      torn += value != kWide && value != 4 * kWide;
      ++calls;
    }
  });
  for (int i = 0; i < 200 || calls < 20; ++i) w.assign(i % 2 == 0 ? 2.f : 1.f);
  w.assign(1.f);
  stop = true;
  caller.join();
  EXPECT_EQ(torn, 0);
  EXPECT_TRUE(identical(f(), with_one));
}

TEST_P(Weights, AreSetFromWithinACallWithoutWaitingForIt) {
  struct Schedule : nn::Block {
    nn::Dense layer = child("layer", nn::Dense(1, {.use_bias = false, .in_units = 2}));
    Tensor forward(const Tensor& x) override {
      const Tensor y = layer(x);
      layer.collect_params()["weight"].set_data(ones({1, 2}));
      return y + layer(x);
    }
  };
  Schedule net;
  net.initialize(nn::Constant(2));
  net.hybridize(options());
  EXPECT_EQ(net(ones({1, 2})).item<float>(), 6);
}

TEST_P(Weights, AnInitialiserMayRunNetworksThatReadTheParameter) {
  nn::HybridSequential net;
  net.add(nn::Dense(1, {.use_bias = false, .in_units = 2}));
  net.initialize(nn::Constant(1));
  net.hybridize(options());
  const Tensor x = ones({1, 2});
  net(x);
  const auto own = options();
  net.initialize([net, x, own](const Shape& shape, DType) {
    const auto twice = jit([](Tensor y) { return y * 2; }, own);
    return broadcast_to(twice(net(x)), shape);
  });
  EXPECT_EQ(net(x).item<float>(), 8);
}

TEST_P(Weights, AHandleOfTheValuesStaysTheirs) {
  auto net = wide_net(1);
  net.hybridize(options());
  const Tensor x = ones({1, kWide});
  net(x);
  const Tensor handle = net.collect_params()["1.weight"].data();
  net.collect_params()["1.weight"].set_data(full({1, 32}, 3.f));
  EXPECT_EQ(handle.data<float>()[0], 3);
  Tensor(handle).assign(0);
  EXPECT_EQ(net(x).item<float>(), 0);
}

TEST_P(Weights, AnotherShapeIsAnErrorAndReplacingTheLayerACountedRetrace) {
  auto net = wide_net(1);
  net.hybridize(options());
  const Tensor x = ones({1, kWide});
  net(x);
  EXPECT_ERROR(ShapeError, net.collect_params()["1.weight"].set_data(ones({2, 32})), "1.weight",
               "[1, 32]", "[2, 32]");
  net.replace(1, nn::Dense(2, {.in_units = 32}));
  net.collect_params();
  net[1].initialize(nn::Constant(1));
  EXPECT_EQ(net(x).shape(), (Shape{1, 2}));
  EXPECT_EQ(net.explain().misses, 2u);
}

MLPJIT_PAINS_IN_ALL_MODES(Weights);

}  // namespace
}  // namespace mlpjit
