// Destructors of thread-local objects run after those of the library's own.

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

struct AtThreadEnd {
  std::function<void()> run;
  ~AtThreadEnd() {
    if (run) run();
  }
};

TEST(ThreadEnd, EverythingMayStillBeCalled) {
  Tensor sum, traced;
  std::thread([&] {
    thread_local AtThreadEnd last;  // made first, destroyed last
    auto early = jit([](const Tensor& x) { return x + 1; });
    last.run = [&sum, &traced, early] {
      sum = early(ones({3, 5})) + matmul(ones({3, 4}), ones({4, 5}));
      nn::HybridSequential net;
      net.add(nn::Dense(4, {.activation = "tanh"}), nn::Dense(2));
      net.initialize();
      net.hybridize();
      traced = net(ones({2, 3})) - net(ones({2, 3}));
    };
    early(ones({2}));
    matmul(ones({3, 4}), ones({4, 5}));
  }).join();
  EXPECT_TRUE(identical(sum, full({3, 5}, 6.f)));
  EXPECT_TRUE(identical(traced, zeros({2, 2})));
}

TEST(ThreadEnd, WhatIsMadeThenIsFreedToo) {
  auto f = jit([](const Tensor& x) { return sum(exp(x) + 1, {0}, true) * x; },
               {.backend = Backend::graph});
  std::size_t live = 0;
  for (int round = 0; round < 4; ++round) {
    std::thread([&] {
      thread_local AtThreadEnd last;
      last.run = [&] { f(ones({64, 64})); };
      f(ones({64, 64}));
    }).join();
    if (round == 1) live = memory_stats().live_bytes;
  }
  EXPECT_EQ(memory_stats().live_bytes, live);
}

}  // namespace
}  // namespace mlpjit
