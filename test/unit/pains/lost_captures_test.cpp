// A variable that is assigned another tensor after the trace: noticed where nobody but programs
// holds the old one. Peers: jax 1141, tensorflow 31362 (values silently baked into the trace).

#include <thread>

#include "pains.h"

namespace mlpjit {
namespace {

class LostCaptures : public test::PainTest {};

TEST_P(LostCaptures, AVariableAssignedAnotherTensorIsSeenAtTheNextCall) {
  Tensor w = full({2, 2}, 3.f);
  int traces = 0;
  auto f = jit(
      [&](Tensor x) {
        ++traces;
        return matmul(x, w);
      },
      options());
  const Tensor x = ones({1, 2});
  EXPECT_TRUE(identical(f(x), full({1, 2}, 6.f)));
  EXPECT_EQ(f.explain().last_miss, "first call");
  w = w - 0.5f * w;
  EXPECT_TRUE(identical(f(x), full({1, 2}, 3.f)));
  EXPECT_EQ(f.explain().last_miss,
            "capture 0 (f32[2, 2]): the function does not hold the tensor that it was traced with "
            "any more: its variable was assigned another one");
  EXPECT_EQ(traces, 2);
  EXPECT_TRUE(identical(f(x), full({1, 2}, 3.f)));
  EXPECT_EQ(traces, 2);
  EXPECT_EQ(f.explain().entries, 1u);  // nobody runs the old program again
  w.assign(full({2, 2}, 5.f));         // the way that needs no trace
  EXPECT_TRUE(identical(f(x), full({1, 2}, 10.f)));
  EXPECT_EQ(traces, 2);
}

TEST_P(LostCaptures, AMemberTensorIsSeenToo) {
  struct Scaled : nn::HybridBlock {
    Tensor scale = full({3}, 2.f);
    nn::Dense dense = child("dense", nn::Dense(3, {.use_bias = false}));
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return dense(x) * scale; }
  };
  Scaled net;
  net.initialize();
  net.collect_params()["dense.weight"].set_data(ones({3, 4}));
  net.hybridize(options());
  EXPECT_TRUE(identical(net(ones({2, 4})), full({2, 3}, 8.f)));
  net.scale = net.scale * 2.f;
  EXPECT_TRUE(identical(net(ones({2, 4})), full({2, 3}, 16.f)));
  EXPECT_NE(net.explain().last_miss.find("assigned another one"), std::string::npos);
  net.collect_params()["dense.weight"].set_data(full({3, 4}, 2.f));
  EXPECT_TRUE(identical(net(ones({2, 4})), full({2, 3}, 32.f)));
  EXPECT_EQ(net.explain().compiles, 2u);
}

TEST_P(LostCaptures, AllProgramsThatHaveTheTensorAreForgotten) {
  Tensor w = tensor({1.f, 2.f});
  const auto body = [&](const Tensor& x) { return x * w; };
  for (const Batch batch : {Batch::exact, Batch::dynamic}) {
    HybridizeOptions chosen = options();
    chosen.batch = batch;
    chosen.dynamic_batch_after = 2;
    const auto f = jit([&](Tensor x) { return body(x); }, chosen);
    const auto g = jit([&](Tensor x) { return body(x) + 1; }, chosen);  // has it as well
    for (int round = 0; round < 3; ++round) {
      for (const int rows : {1, 2, 3, 4, 1}) {
        const Tensor x = full({rows, 2}, static_cast<float>(round + rows));
        EXPECT_TRUE(identical(f(x), body(x))) << round << " " << rows;
        EXPECT_TRUE(identical(g(x), body(x) + 1)) << round << " " << rows;
      }
      EXPECT_LE(f.explain().entries, batch == Batch::exact ? 3u : 1u);
      w = w + 1;
    }
  }
}

TEST_P(LostCaptures, WhatOnRecompileSaysHolds) {
  Tensor w = ones({2});
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  const auto f = jit([&](Tensor x) { return x * w; }, strict);
  f(ones({2}));
  w = full({2}, 2.f);
  for (int call = 0; call < 2; ++call) {
    EXPECT_ERROR(UserError, f(ones({2})), "needs a new compile: capture 0 (f32[2])",
                 "on_recompile is error");
  }
  w = full({2}, 3.f);
  EXPECT_THROW(f(ones({2})), UserError);
}

TEST_P(LostCaptures, TheSecondTimeIsAWarningWithTheWayOut) {
  Tensor w = ones({2});
  const auto f = jit([&](Tensor x) { return x * w; }, options());
  f(ones({2}));
  std::vector<std::string> logs;
  for (int round = 0; round < 4; ++round) {
    w = w + 1;
    testing::internal::CaptureStderr();
    EXPECT_TRUE(identical(f(ones({2})), w));
    logs.push_back(testing::internal::GetCapturedStderr());
  }
  EXPECT_EQ(logs[0], "");
  EXPECT_NE(logs[1].find("jit: capture 0 (f32[2])"), std::string::npos) << logs[1];
  EXPECT_NE(logs[1].find("variable.assign(value)"), std::string::npos) << logs[1];
  EXPECT_EQ(logs[2] + logs[3], "");
}

TEST_P(LostCaptures, WhereTheTensorIsHeldElsewhereItIsNotNoticed) {
  Tensor w = ones({2});
  HybridizeOptions audited = options();
  audited.audit = true;
  const auto f = jit([&](Tensor x) { return x * w; }, audited);
  f(ones({2}));
  const Tensor kept = w;
  w = full({2}, 2.f);
  EXPECT_TRUE(identical(f(ones({2})), ones({2})));  // that it is so stands in the chapter
  ASSERT_EQ(f.explain().signatures[0].audit.size(), 1u);
  EXPECT_NE(f.explain().signatures[0].audit[0].find("bound anew"), std::string::npos);
}

TEST_P(LostCaptures, ACapturedScalarIsATensorToo) {
  Tensor n = 2;
  const auto f = jit([&](Tensor x) { return x * n; }, options());
  EXPECT_TRUE(identical(f(ones({2})), full({2}, 2.f)));
  n = 3;
  EXPECT_TRUE(identical(f(ones({2})), full({2}, 3.f)));
}

TEST_P(LostCaptures, ProgramsThatAFunctionCallsHoldTheirTensorsForIt) {
  const Executable inner = [] {
    const Tensor w = full({2}, 3.f);
    return compile(trace([&](Tensor x) { return x * w; }, f32({2})), {.backend = Backend::graph});
  }();
  int traces = 0;
  const auto f = jit(
      [inner, &traces](Tensor x) {
        ++traces;
        return inner(x)[0] + 1;
      },
      options());
  for (int call = 0; call < 4; ++call) EXPECT_TRUE(identical(f(ones({2})), full({2}, 4.f)));
  EXPECT_EQ(traces, 1);
}

TEST_P(LostCaptures, ManyThreadsNeverLoseWhatTheyHold) {
  const Tensor w = full({2}, 3.f);
  int traces = 0;
  const auto f = jit(
      [w, &traces](Tensor x) {
        ++traces;
        return x * w;
      },
      options());
  f(ones({2}));
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int call = 0; call < 200; ++call) {
        // Programs with the same tensor come and go.
        const auto other = jit([&](Tensor x) { return x + w; }, {.backend = Backend::graph});
        other(ones({2}));
        f(ones({2}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(traces, 1);
}

MLPJIT_PAINS_IN_ALL_MODES(LostCaptures);

}  // namespace
}  // namespace mlpjit
