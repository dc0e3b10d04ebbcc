// Recompiles are counted, explained and, on request, warned of or forbidden. Peers: pytorch 114511,
// 128071; tensorflow 31175 (storms of them, and silence about why).

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "pains.h"

namespace mlpjit {
namespace {

// Calls back for every message.
class Answering : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit Answering(std::function<void()> answer) : answer_(std::move(answer)) {}

 private:
  void sink_it_(const spdlog::details::log_msg&) override { answer_(); }
  void flush_() override {}
  std::function<void()> answer_;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

class Recompile : public test::PainTest {};

nn::HybridSequential small_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(4, {.activation = "relu"}), nn::Dense(2));
  net.initialize();
  return net;
}

TEST_P(Recompile, TheGuardsOfASignatureAreListed) {
  auto net = small_net();
  net.hybridize(options());
  net(ones({2, 3}));
  const Explanation explanation = net.explain();
  ASSERT_EQ(explanation.signatures.size(), 1u);
  const auto expected = [&](const std::string& subject) {
    for (const Guard& guard : explanation.signatures[0].guards) {
      if (guard.subject == subject) return guard.expected;
    }
    return std::string("(no such guard)");
  };
  EXPECT_EQ(expected("argument 0"), "f32[2, 3]");
  EXPECT_EQ(expected("training"), "false");
  EXPECT_EQ(expected("parameter 0.weight"), "f32[4, 3]");
  EXPECT_EQ(expected("parameter 1.bias"), "f32[2]");
}

TEST_P(Recompile, AMissNamesTheGuardThatFailedWithBothValues) {
  const auto f = jit([](Tensor a, Tensor b) { return a + b; }, options());
  const auto last_miss = [&] { return f.explain().last_miss; };
  f(ones({2}), ones({2}));
  EXPECT_EQ(last_miss(), "first call");
  f(ones({3}), ones({3}));
  EXPECT_EQ(last_miss(), "argument 0: expected f32[2], got f32[3]");
  const Tensor both = ones({3});
  f(both, both);
  EXPECT_EQ(last_miss(),
            "storage of argument 1: expected a tensor of its own, got the same tensor as argument "
            "0");
  f(ones({3}), 1);
  EXPECT_EQ(last_miss(), "argument 1: expected f32[3], got C++ scalar (i64[])");
  {
    const TrainingScope training;
    f(ones({3}), 1);
  }
  EXPECT_EQ(last_miss(), "training: expected false, got true");
  {
    const TrainingScope training;
    f(ones({2}), ones({2}));  // the program that it fails the fewest guards of is not the latest
  }
  EXPECT_EQ(last_miss(), "training: expected false, got true");
  EXPECT_EQ(f.explain().compiles, 6u);
}

TEST_P(Recompile, AMissTellsOfEvictionsAndOfABlockThatChanged) {
  HybridizeOptions small = options();
  small.max_entries = 2;
  auto net = small_net();
  net.hybridize(small);
  const auto last_miss = [&] { return net.explain().last_miss; };
  for (const int batch : {1, 2, 3}) net(ones({batch, 3}));
  EXPECT_EQ(last_miss(), "argument 0: expected f32[2, 3], got f32[3, 3]");
  net(ones({1, 3}));
  EXPECT_EQ(last_miss(),
            "argument 0: expected f32[3, 3], got f32[1, 3]; its program made room for others "
            "(max_entries is 2, max_bytes 268435456)");
  EXPECT_EQ(net.explain().evictions, 2u);
  nn::Dense more(3);
  more.initialize();
  net.add(more);
  net(ones({1, 3}));
  EXPECT_EQ(last_miss(),
            "structure: expected 1, got 2: the block was changed (children, parameters or their "
            "shapes) since it was traced");
  EXPECT_EQ(net.explain().failures, 0u);
  const auto f = jit([](Tensor x) { return x + 1; }, options());
  f(ones({2}));
  f.clear();
  f(ones({2}));
  EXPECT_EQ(f.explain().last_miss, "the programs were cleared");
}

// The block was changed on purpose, but the compile is not what the options allow.
TEST_P(Recompile, AChangedBlockNeedsOneToo) {
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  auto net = small_net();
  net.hybridize(strict);
  net(ones({1, 3}));
  nn::Dense more(3);
  more.initialize();
  net.add(more);
  EXPECT_ERROR(UserError, net(ones({1, 3})), "needs a new compile: structure: expected 1, got 2");
  const Explanation refused = net.explain();
  EXPECT_EQ(refused.failures, 1u);
  EXPECT_NE(refused.last_failure.find("on_recompile is error"), std::string::npos);
  net.hybridize(strict);  // says that it is meant
  EXPECT_EQ(net(ones({1, 3})).shape(), (Shape{1, 3}));
  const auto f = jit([](Tensor x) { return x + 1; }, strict);
  f(ones({2}));
  f.clear();  // asks for a new one
  EXPECT_TRUE(identical(f(ones({3})), full({3}, 2.f)));
}

TEST_P(Recompile, CallsThatGetNoProgramAreCountedWithWhatTheySaid) {
  const auto f = jit([](Tensor x) { return x.item<float>() > 0 ? x : -x; }, options());
  EXPECT_ERROR(TraceError, f(tensor(1.f)), "item");
  EXPECT_ERROR(TraceError, f(tensor(1.f)), "item");
  const Explanation explanation = f.explain();
  EXPECT_EQ(explanation.failures, 2u);
  EXPECT_EQ(explanation.misses, 2u);
  EXPECT_EQ(explanation.compiles, 0u);
  EXPECT_EQ(explanation.last_miss, "first call");
  EXPECT_NE(to_string(explanation).find("2 failures, the last one: item: the value of"),
            std::string::npos)
      << explanation;
}

TEST_P(Recompile, AWarningComesOncePerReason) {
  HybridizeOptions warning = options();
  warning.on_recompile = OnRecompile::warn;
  auto net = small_net();
  net.hybridize(warning);
  testing::internal::CaptureStderr();
  net(ones({1, 3}));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");  // the first is expected
  testing::internal::CaptureStderr();
  for (int round = 0; round < 3; ++round) {
    for (const int batch : {1, 2}) net(ones({batch, 3}));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "needs a new compile"), 1u) << log;
  EXPECT_EQ(count(log,
                  "HybridSequential: a call needs a new compile: argument 0: expected f32[1, "
                  "3], got f32[2, 3]"),
            1u);
}

TEST_P(Recompile, ForbiddenOnesNameTheGuardAndLeaveEverythingUsable) {
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  auto net = small_net();
  net.hybridize(strict);
  const Tensor first = net(ones({1, 3}));
  EXPECT_ERROR(UserError, net(ones({2, 3})), "HybridSequential", "argument 0", "f32[1, 3]",
               "f32[2, 3]", "on_recompile");
  EXPECT_TRUE(identical(net(ones({1, 3})), first));
  EXPECT_EQ(net.explain().compiles, 1u);
  net.collect_params()["0.bias"].set_data(ones({4}));  // no compile, so no error
  EXPECT_FALSE(identical(net(ones({1, 3})), first));
}

TEST_P(Recompile, WhatIsForbiddenIsNotTracedEither) {
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  strict.dynamic_batch_after = 1;
  int traces = 0;
  const auto f = jit(
      [&](Tensor x) {
        ++traces;
        return x + 1;
      },
      strict);
  f(ones({1, 3}));
  for (const int size : {2, 3, 4})
    EXPECT_ERROR(UserError, f(ones({size, 3})), "f32[1, 3]", "f32[" + std::to_string(size));
  EXPECT_EQ(traces, 1);
  EXPECT_EQ(f.explain().last_miss, "argument 0: expected f32[1, 3], got f32[4, 3]");
}

TEST_P(Recompile, GuardsOfAProgramForAllSizesNameTheSizesOfTheCall) {
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  strict.batch = Batch::dynamic;
  const auto f = jit([](Tensor a, Tensor b) { return a + b; }, strict);
  f(ones({4, 3}), ones({4, 3}));
  EXPECT_ERROR(UserError, f(ones({2, 5}), ones({2, 5})),
               "argument 0: expected f32[B, 3], got f32[2, 5]");
  EXPECT_ERROR(UserError, f(ones({4, 3}), ones({1, 3})),
               "argument 1: expected f32[4, 3] (B is 4 here), got f32[1, 3]");
  EXPECT_TRUE(identical(f(ones({7, 3}), ones({7, 3})), full({7, 3}, 2.f)));
}

// Every call, in any order, takes the program that is its own: the batch is one number across
// arguments.
TEST_P(Recompile, TheFastPathKnowsThatTheBatchIsOneNumber) {
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  const auto sum_of = [](const Tensor& a, const Tensor& b) { return a + b; };
  const auto f = jit([&](Tensor a, Tensor b) { return sum_of(a, b); }, dynamic);
  for (int round = 0; round < 3; ++round) {
    for (const int size : {4, 2}) {
      const Tensor x = random::normal({size, 3}), y = random::normal({size, 3});
      EXPECT_TRUE(identical(f(x, y), sum_of(x, y)));
      EXPECT_ERROR(ShapeError, f(x, ones({size + 1, 3})), "add");
      EXPECT_ERROR(ShapeError, f(ones({size + 2, 3}), y), "add");
      EXPECT_TRUE(identical(f(x, ones({1, 3})), sum_of(x, ones({1, 3}))));  // one row broadcasts
    }
  }
  // Sizes that no program relates are another thing.
  const auto g = jit([](Tensor a, Tensor b) { return std::pair(a * 2, sum(b)); }, dynamic);
  for (const auto& [m, n] : {std::pair(4, 4), std::pair(4, 2), std::pair(2, 4), std::pair(3, 3)}) {
    const auto [twice, total] = g(ones({m, 3}), ones({n, 3}));
    EXPECT_TRUE(identical(twice, full({m, 3}, 2.f)));
    EXPECT_EQ(total.item<float>(), static_cast<float>(3 * n));
  }
}

TEST_P(Recompile, TheFastPathKnowsWhichArgumentsAreScalarsOfCpp) {
  const Tensor x = full({2}, 1.5f), n = tensor(std::int64_t{3});
  const auto product = [](const Tensor& a, const Tensor& b) { return a * b; };
  for (const bool scalar_first : {true, false}) {
    const auto f = jit([&](Tensor a, Tensor b) { return product(a, b); }, options());
    for (int round = 0; round < 3; ++round) {
      if (scalar_first || round > 0) {
        EXPECT_TRUE(identical(f(x, 3), product(x, 3)));
      }
      EXPECT_ERROR(DTypeError, product(x, n), "multiply", "cast");
      EXPECT_ERROR(DTypeError, f(x, n), "multiply", "cast");
      EXPECT_TRUE(identical(f(x, 0.1), product(x, 0.1)));
      EXPECT_TRUE(identical(f(x, tensor(0.1f)), product(x, tensor(0.1f))));
    }
  }
}

TEST_P(Recompile, OfSeveralFirstCallsAtOnceOneIsTheFirst) {
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  for (int round = 0; round < 10; ++round) {
    const auto f = jit([](Tensor x) { return softmax(x + 1, 0); }, strict);
    std::atomic<int> served{0}, refused{0};
    std::vector<std::thread> threads;
    for (int size = 1; size <= 6; ++size) {
      threads.emplace_back([&, size] {
        try {
          f(ones({size, 3}));
          ++served;
        } catch (const UserError& error) {
          EXPECT_NE(std::string(error.what()).find("on_recompile is error"), std::string::npos);
          ++refused;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(served, 1);
    EXPECT_EQ(refused, 5);
    EXPECT_EQ(f.explain().compiles, 1u);
  }
}

// The exception ends its call; nothing is learnt from it about the next.
TEST_P(Recompile, AFailureThatPassesDoesNotKeepBatchesExact) {
  HybridizeOptions few = options();
  few.dynamic_batch_after = 1;
  bool fail = false;
  const auto f = jit(
      [&](Tensor x) {
        if (std::exchange(fail, false)) throw std::runtime_error("now and then");
        return x + 1;
      },
      few);
  f(ones({1, 3}));
  fail = true;
  EXPECT_THROW(f(ones({2, 3})), std::runtime_error);
  EXPECT_EQ(f.explain().exact_batch, "");
  EXPECT_TRUE(identical(f(ones({3, 3})), full({3, 3}, 2.f)));
  EXPECT_EQ(f.explain().signatures.front().name, "f32[B, 3]");
  f(ones({2, 3}));
  EXPECT_EQ(f.explain().compiles, 2u);
}

TEST_P(Recompile, AFailedCompileIsNoBatchSize) {
  HybridizeOptions few = options();
  few.dynamic_batch_after = 2;
  bool fail = true;
  const auto f = jit(
      [&](Tensor x) {
        if (fail) throw std::runtime_error("not yet");
        return x + 1;
      },
      few);
  for (const int size : {1, 2, 3}) EXPECT_THROW(f(ones({size, 3})), std::runtime_error);
  fail = false;
  f(ones({4, 3}));
  f(ones({5, 3}));
  EXPECT_EQ(f.explain().signatures.front().name, "f32[5, 3]");
  f(ones({6, 3}));
  EXPECT_EQ(f.explain().signatures.front().name, "f32[B, 3]");
}

TEST_P(Recompile, AWarningMayBeAnsweredByACall) {
  HybridizeOptions warning = options();
  warning.on_recompile = OnRecompile::warn;
  const auto f = jit([](Tensor x) { return x + 1; }, warning);
  int warnings = 0;
  const auto sink = std::make_shared<Answering>([&] {
    ++warnings;
    f(ones({1, 3}));
    EXPECT_NE(f.explain().last_miss, "");
  });
  const auto before = spdlog::get("mlpjit");
  spdlog::drop("mlpjit");
  spdlog::register_logger(std::make_shared<spdlog::logger>("mlpjit", sink));
  f(ones({1, 3}));
  EXPECT_TRUE(identical(f(ones({2, 3})), full({2, 3}, 2.f)));
  spdlog::drop("mlpjit");
  if (before) spdlog::register_logger(before);
  EXPECT_EQ(warnings, 1);
}

// The traces for all batch sizes are bounded as the programs are.
TEST_P(Recompile, TracesThatAreNotUsedAreForgotten) {
  HybridizeOptions few = options();
  few.batch = Batch::dynamic;
  few.max_entries = 2;
  Tensor captured;
  const auto f = jit([&](Tensor x) { return x + sum(captured); }, few);
  constexpr std::size_t kElements = 1 << 16;
  const std::size_t before = memory_stats().live_bytes;
  for (int columns = 1; columns <= 20; ++columns) {
    captured = zeros({static_cast<std::int64_t>(kElements)});
    f(ones({1, columns}));
  }
  EXPECT_LT(memory_stats().live_bytes - before, 5 * kElements * sizeof(float));
}

TEST_P(Recompile, NewOptionsStartAnew) {
  auto net = small_net();
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  net.hybridize(strict);
  net(ones({1, 3}));
  net.hybridize(options());
  net(ones({2, 3}));
  EXPECT_EQ(net.explain().compiles, 1u);
  net.hybridize(false);
  net(ones({5, 3}));
  EXPECT_EQ(net.explain().compiles, 1u);  // imperative calls compile nothing
}

MLPJIT_PAINS_IN_ALL_MODES(Recompile);

}  // namespace
}  // namespace mlpjit
