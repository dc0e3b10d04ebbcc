// Any number of threads may call one network or jitted function: what programs update they update
// whole, calls that trace do not wait for each other in a circle, a failure is not remembered.
// Peers: pytorch 105943, 118260.

#include <atomic>
#include <barrier>
#include <chrono>
#include <iostream>
#include <latch>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>

#include "pains.h"

namespace mlpjit {
namespace {

class Threads : public test::PainTest {
 protected:
  // Calls `work(thread)` on several threads at once.
  static void on_threads(int count, const std::function<void(int)>& work) {
    std::barrier together(count);
    std::vector<std::thread> threads;
    for (int t = 0; t < count; ++t) {
      threads.emplace_back([&, t] {
        together.arrive_and_wait();
        work(t);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

constexpr int kCalls = 400;

TEST_P(Threads, ACapturedCounterCountsEveryCall) {
  Tensor count = zeros({}, DType::i64);
  const auto f = jit(
      [count](Tensor x) mutable {
        count += 1;
        return x * 0 + count;
      },
      options());
  std::vector<std::vector<std::int64_t>> seen(3);
  on_threads(3, [&](int t) {
    const Tensor x = zeros({}, DType::i64);
    for (int i = 0; i < kCalls; ++i)
      seen[static_cast<std::size_t>(t)].push_back(f(x).item<std::int64_t>());
  });
  std::set<std::int64_t> all;
  for (const auto& each : seen) {
    EXPECT_TRUE(std::is_sorted(each.begin(), each.end()));
    all.insert(each.begin(), each.end());
  }
  EXPECT_EQ(all.size(), 3u * kCalls);  // no two calls saw the same count
  EXPECT_EQ(count.item<std::int64_t>(), 3 * kCalls);
}

// Outside of programs each compound assignment is one step too, whatever its right side.
TEST_P(Threads, CompoundAssignmentsToWhatProgramsReadLoseNothing) {
  const auto add = [](int kind, Tensor& w) {
    if (kind == 0) w += 1.f;
    if (kind == 1) w += tensor(1.f);
    if (kind == 2) w += ones({8});
    if (kind == 3) w.slice(0, 0, 4) += 1.f;
    if (kind == 3) w.slice(0, 0, 4, 1) -= zeros({8});
  };
  for (int kind = 0; kind < 4; ++kind) {
    SCOPED_TRACE(kind);
    Tensor w = zeros({4, 8});
    const auto read = jit([w] { return sum(w); }, options());
    read();
    on_threads(3, [&](int) {
      Tensor mine = w;
      for (int i = 0; i < kCalls; ++i) add(kind, mine);
    });
    EXPECT_TRUE(identical(w, full({4, 8}, static_cast<float>(3 * kCalls))));
    EXPECT_EQ(read().item<float>(), 32.f * 3 * kCalls);
  }
}

// What a program reads stays as it was when it began, whatever its stream does.
TEST_P(Threads, AStreamMayWriteToWhatTheProgramThatPrintsToItReads) {
  struct Writer : std::stringbuf {
    std::function<void()> write;
    int sync() override {
      if (auto once = std::exchange(write, {})) once();
      return 0;
    }
    std::streamsize xsputn(const char* s, std::streamsize n) override {
      sync();
      return std::stringbuf::xsputn(s, n);
    }
  };
  const Tensor w = ones({64, 64});
  const auto f = jit(
      [w](Tensor x) {
        const Tensor y = matmul(x, w) / 64.f;
        print(y);
        return matmul(y, w) / 64.f + w;
      },
      options());
  const Tensor x = ones({1, 64});
  Writer writer;
  std::streambuf* const before = std::cout.rdbuf(&writer);
  f(x);
  writer.write = [&] {
    Tensor target = w;
    for (int i = 2; i < 6; ++i) target.assign(full({64, 64}, static_cast<float>(i)));
    full({64, 64}, 77.f);
  };
  const Tensor y = f(x);
  std::cout.rdbuf(before);
  EXPECT_TRUE(identical(y, full({64, 64}, 2.f)));
  EXPECT_EQ(w.to_vector<float>()[0], 5);
}

TEST_P(Threads, AnArgumentOfSeveralThreadsIsUpdatedByEachCall) {
  const auto f = jit(
      [](Tensor total, Tensor row) {
        total += row;
        return sum(total);
      },
      options());
  const Tensor total = zeros({1000}, DType::f64), row = ones({1000}, DType::f64);
  std::atomic<int> torn{0};
  on_threads(3, [&](int) {
    for (int i = 0; i < kCalls; ++i) torn += f(total, row).item<std::int64_t>() % 1000 != 0;
  });
  EXPECT_EQ(torn, 0);
  EXPECT_TRUE(identical(total, full({1000}, 3.0 * kCalls, DType::f64)));
}

TEST_P(Threads, OtherProgramsSeeAnUpdateWhole) {
  Tensor state = zeros({4096});
  const auto update = jit(
      [state](Tensor x) mutable {
        state += x;
        return sum(state);
      },
      options());
  const auto read = jit([state](Tensor x) { return max(state + x) - min(state); }, options());
  const Tensor zero = tensor(0.f), one = tensor(1.f);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  read(zero);
  update(one);
  std::thread reader([&] {
    while (!stop) torn += read(zero).item<float>() != 0;
  });
  on_threads(2, [&](int t) {
    for (int i = 0; i < kCalls; ++i) {
      if (t == 0) {
        update(one);
      } else {
        state.assign(full({4096}, static_cast<float>(i)));
      }
    }
  });
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0);
}

// Training on one thread, inference on others; the plain Sequential runs imperatively around it.
TEST_P(Threads, RunningStatisticsAreWholeWithinAPlainSequentialToo) {
  nn::Sequential net;
  nn::HybridSequential inner;
  inner.add(nn::BatchNorm());
  net.add(inner);
  net.initialize();
  net.hybridize(options());
  const Tensor x = concat({zeros({1, 512}), full({1, 512}, 2.f)}, 0);
  const auto train = [&](int t) {
    const TrainingScope training(t < 2);
    int torn = 0;
    for (int i = 0; i < kCalls; ++i) {
      const Tensor y = net(x);
      // All columns are alike, so all of their results are.
      const Tensor row = y.slice(0, 0, 1);
      torn += max(row).item<float>() != min(row).item<float>();
    }
    EXPECT_EQ(torn, 0);
  };
  on_threads(3, train);
  const Tensor mean = net.collect_params()["0.0.running_mean"].data();
  EXPECT_TRUE(identical(max(mean), min(mean)));
}

TEST_P(Threads, WeightsAndModesChangeUnderLoad) {
  nn::HybridSequential net;
  net.add(nn::Dense(32, {.use_bias = false, .in_units = 2048}), nn::Dense(1, {.in_units = 32}));
  net.initialize(nn::Constant(1));
  const Tensor x = ones({1, 2048});
  const Tensor with_one = net(x);
  net.collect_params()["0.weight"].set_data(full({32, 2048}, 2.f));
  const Tensor with_two = net(x);
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
  for (int i = 0; i < 40; ++i) {
    if (i % 8 == 0) net.hybridize(options());
    net.collect_params()["0.weight"].set_data(full({32, 2048}, i % 2 == 0 ? 1.f : 2.f));
    if (i % 8 == 4) net.hybridize(false);
    if (i % 8 == 6) net.initialize(nn::Constant(1), {.only_missing = true});
  }
  while (calls < 50) std::this_thread::yield();
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(torn, 0);
}

// The first call of one thread makes the values while another sets them: both whole.
TEST_P(Threads, ValuesAreSetWhileAFirstCallMakesThem) {
  for (int round = 0; round < 10; ++round) {
    nn::HybridSequential net;
    net.add(nn::Dense(16, {.use_bias = false}));
    net.initialize(nn::Constant(1));
    if (round % 2 == 0) net.hybridize(options());
    const Tensor x = ones({1, 512}), twos = full({16, 512}, 2.f);
    std::atomic<int> torn{0};
    on_threads(2, [&](int t) {
      for (int i = 0; i < 5; ++i) {
        if (t == 0) {
          const Tensor y = net(x);
          torn += !identical(y, full({1, 16}, 512.f)) && !identical(y, full({1, 16}, 1024.f));
        } else {
          net.collect_params()["0.weight"].set_data(twos);
        }
      }
    });
    EXPECT_EQ(torn, 0);
    EXPECT_TRUE(identical(net(x), full({1, 16}, 1024.f)));  // what was set is there
  }
}

// Whoever makes them.
TEST_P(Threads, ValuesThatComeWhileACallRunsStayUntilItsEnd) {
  struct Twice : nn::Block {
    nn::Dense layer = child("layer", nn::Dense(1, {.use_bias = false}));
    std::function<void()> before, between;
    Tensor forward(const Tensor& x) override {
      before();
      const Tensor first = layer(x);
      between();
      return layer(x) - first;
    }
  };
  for (const bool set : {false, true}) {
    SCOPED_TRACE(set ? "set by another thread" : "made by the call");
    Twice net;
    net.initialize(nn::Constant(1));
    nn::Parameter weight = net.collect_params()["layer.weight"];
    std::latch inside(1), read(1);
    net.before = [&] {
      inside.count_down();
      while (set && !weight.is_initialized()) std::this_thread::yield();
    };
    net.between = [&] {
      read.count_down();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
    std::thread writer([&] {
      inside.wait();
      if (set) weight.set_data(full({1, 2}, 2.f));
      read.wait();
      weight.set_data(full({1, 2}, 3.f));
    });
    EXPECT_EQ(net(ones({1, 2})).item<float>(), 0);
    writer.join();
    EXPECT_EQ(weight.data().data<float>()[0], 3);
  }
}

// Two functions whose traces run the other one: an initialiser runs while tracing, and the networks
// that it runs are compiled as ever.
TEST_P(Threads, TracesThatRunEachOtherDoNotWaitInACircle) {
  for (const Batch batch : {Batch::exact, Batch::dynamic}) {
    HybridizeOptions own = options();
    own.batch = batch;
    std::function<Tensor(Tensor)> run[2];
    std::barrier both_trace(2);
    const auto body = [&](int other) {
      nn::Dense layer(1, {.use_bias = false});
      layer.initialize([&, other](const Shape& shape, DType) {
        both_trace.arrive_and_wait();
        return broadcast_to(run[other](ones({1})), shape);
      });
      return [layer](const Tensor& x) { return x.rank() == 1 ? x * 3 : layer(x); };
    };
    const auto one = jit(body(1), own), two = jit(body(0), own);
    run[0] = [&](const Tensor& x) { return one(x); };
    run[1] = [&](const Tensor& x) { return two(x); };
    on_threads(2, [&](int t) { EXPECT_EQ(run[t](ones({1, 1})).item<float>(), 3); });
  }
}

TEST_P(Threads, InitialisersThatNeedEachOtherAreAnErrorAndNoDeadlock) {
  nn::Dense layers[2] = {nn::Dense(1, {.use_bias = false}), nn::Dense(1, {.use_bias = false})};
  const auto weight = [&](int t) { return layers[t].collect_params()["weight"]; };
  std::barrier both_run(2);
  std::atomic<int> runs{0};
  for (int t = 0; t < 2; ++t) {
    layers[t].initialize([&, t](const Shape&, DType) {
      if (++runs <= 2) both_run.arrive_and_wait();
      return weight(1 - t).data({1, 1}) * 2;
    });
    layers[t].hybridize(options());
  }
  std::atomic<int> errors{0};
  on_threads(2, [&](int t) {
    try {
      layers[t](ones({1, 1}));
    } catch (const ParameterError& error) {
      EXPECT_NE(std::string(error.what()).find("initializer"), std::string::npos) << error.what();
      ++errors;
    }
  });
  EXPECT_EQ(errors, 2);
  weight(0).set_data(full({1, 1}, 3.f));  // the way out
  EXPECT_EQ(layers[1](ones({1, 1})).item<float>(), 6);
}

MLPJIT_PAINS_IN_ALL_MODES(Threads);

}  // namespace
}  // namespace mlpjit
