// Weights that are replaced while others call: no mixture, nothing kept, threads idle or not.

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "test/unit/realtime/realtime.h"

namespace mlpjit {
namespace {

class UnderLoad : public test::RealTimeTest {
 protected:
  // Every element of the result tells which weights it was made of, all of which are alike.
  static nn::HybridSequential uniform() {
    nn::HybridSequential net;
    net.add(nn::Dense(64, {.use_bias = false, .in_units = 64}),
            nn::Dense(64, {.use_bias = false, .in_units = 64}),
            nn::Dense(64, {.use_bias = false, .in_units = 64}));
    net.initialize(nn::Constant(1));
    return net;
  }
  static TensorMap weights(const nn::HybridSequential& net, float value) {
    TensorMap map;
    for (const auto& [path, parameter] : net.collect_params()) map[path] = full({64, 64}, value);
    return map;
  }
  static constexpr int kRounds = 1500;
};

TEST_F(UnderLoad, BoundCallsAndCallsSeeAllOfTheOldOrAllOfTheNew) {
  auto net = uniform();
  const Tensor x = ones({1, 64});
  const TensorMap one = weights(net, 1), two = weights(net, 2);
  const Tensor with_one = net(x);
  net.set_parameters(two);
  const Tensor with_two = net(x);
  net.hybridize();
  net(x);
  std::atomic<bool> stop{false};
  std::atomic<int> mixed{0}, calls{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      BoundCall run = net.bind({f32({1, 64})});
      Tensor y = zeros({1, 64});
      while (!stop) {
        if (t == 0) {
          run(x, y);
        } else {
          y = net(x);
        }
        mixed += !identical(y, with_one) && !identical(y, with_two);
        ++calls;
      }
    });
  }
  while (calls == 0) std::this_thread::yield();
  for (int i = 0; i < kRounds || calls < kRounds; ++i) net.set_parameters(i % 2 == 0 ? one : two);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(mixed, 0);
}

// A plain block around compiled ones: one set of weights for all that it calls.
TEST_F(UnderLoad, ImperativeCallsSeeOneSetCompiledChildrenIncluded) {
  nn::Sequential net;
  net.add(uniform(), uniform(), nn::HybridLambda("relu"));
  net.hybridize();
  const Tensor x = ones({1, 64});
  const auto all = [&](float value) {
    TensorMap map;
    for (const auto& [path, parameter] : net.collect_params()) map[path] = full({64, 64}, value);
    return map;
  };
  const TensorMap one = all(1), two = all(2);
  net.set_parameters(one);
  const Tensor with_one = net(x);
  net.set_parameters(two);
  const Tensor with_two = net(x);
  ASSERT_FALSE(identical(with_one, with_two));
  std::atomic<bool> stop{false};
  std::atomic<int> mixed{0}, calls{0};
  std::thread caller([&] {
    while (!stop) {
      const Tensor y = net(x);
      mixed += !identical(y, with_one) && !identical(y, with_two);
      ++calls;
    }
  });
  for (int i = 0; i < kRounds || calls < kRounds; ++i) net.set_parameters(i % 2 == 0 ? one : two);
  stop = true;
  caller.join();
  EXPECT_EQ(mixed, 0);
}

TEST_F(UnderLoad, IdleReadersKeepNothing) {
  auto net = uniform();
  net.hybridize();
  const Tensor x = ones({1, 64});
  constexpr int kReaders = 64;
  std::latch called(kReaders), end(1);
  std::vector<std::thread> threads;
  std::vector<BoundCall> bound;
  for (int i = 0; i < kReaders; ++i) {
    bound.push_back(net.bind({f32({1, 64})}));
    threads.emplace_back([&] {
      net(x);
      called.count_down();
      end.wait();
    });
  }
  called.wait();
  const TensorMap next = weights(net, 2);
  const Tensor bias = ones({64, 64});
  const std::size_t before = memory_stats().live_bytes;
  reset_peak_memory();
  net.set_parameters(next);
  // Old and new, packs included: three weights of 16 KB and as many packs.
  EXPECT_LE(memory_stats().peak_bytes, before + 3 * 2 * (64 * 64 + 64 * 16) * sizeof(float));
  net.collect_params()["1.weight"].set_data(bias);
  EXPECT_EQ(memory_stats().live_bytes, before);
  end.count_down();
  for (std::thread& thread : threads) thread.join();
}

TEST_F(UnderLoad, APairOfStatisticsIsPublishedTogether) {
  nn::Sequential net;
  net.add(nn::BatchNorm({.in_units = 1}));
  net.initialize();
  const nn::ParameterDict parameters = net.collect_params();
  const nn::Parameter mean = parameters["0.running_mean"], var = parameters["0.running_var"];
  std::atomic<bool> stop{false};
  std::atomic<int> apart{0};
  // Of rows of 1, mean and variance go together: both are functions of the number of calls.
  const Tensor x = full({2, 1}, 1.f);
  std::thread reader([&] {
    while (!stop) {
      const detail::ReadScope one_moment;
      const float m = mean.data().item<float>(), v = var.data().item<float>();
      apart += std::abs((1 - m) - v) > 1e-5f;  // mean 1 - 0.9^n, variance 0.9^n
    }
  });
  {
    const TrainingScope training;
    for (int i = 0; i < 2000; ++i) net(x);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(apart, 0);
}

// The new set is there at the next call, whoever made the one before.
TEST_F(UnderLoad, WhatWasSetIsSeenByTheNextCall) {
  auto net = uniform();
  net.hybridize();
  BoundCall run = net.bind({f32({1, 64})});
  const Tensor x = ones({1, 64});
  Tensor y = zeros({1, 64});
  for (int i = 1; i < 200; ++i) {
    net.collect_params()["2.weight"].set_data(full({64, 64}, static_cast<float>(i)));
    run(x, y);
    EXPECT_EQ(y.to_vector<float>()[63], 64.f * 64.f * 64.f * static_cast<float>(i));
    EXPECT_TRUE(identical(net(x), y));
  }
}

}  // namespace
}  // namespace mlpjit
