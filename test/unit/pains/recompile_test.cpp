// Recompiles are counted, explained and, on request, warned of or forbidden. Peers: pytorch 114511,
// 128071; tensorflow 31175 (storms of them, and silence about why).

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <mutex>

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
