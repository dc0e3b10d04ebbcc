// The audit of a hybridized function: what another trace does otherwise is listed with the layer
// and the op, what is read at each call is not, and auditing itself moves nothing but C++ state.

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>

#include "audit_fixture.h"

namespace mlpjit {
namespace {

using test::Audit;

TEST_P(Audit, ClocksRandomDevicesAndStaticCountersAreFound) {
  expect_text(audit(
                  [](const Tensors& x) {
                    static int calls = 0;
                    return Tensors{x[0] * ++calls};
                  },
                  {ones({2})}),
              {"used by %1 = multiply: value is ", "in the second trace", "baked"});
  expect_text(audit(
                  [](const Tensors& x) {
                    const auto now = std::chrono::steady_clock::now().time_since_epoch();
                    return Tensors{x[0] + std::chrono::duration<double>(now).count()};
                  },
                  {ones({2}, DType::f64)}),
              {"baked"});
  const auto engine = std::make_shared<std::mt19937>(3);
  expect_text(audit(
                  [engine](const Tensors& x) {
                    return Tensors{x[0] * std::uniform_real_distribution<float>()(*engine)};
                  },
                  {ones({2})}),
              {"multiply: value is 0.", "baked"});
}

// What the program changes between its calls, no trace of one call can see.
TEST_P(Audit, AMemberSetBetweenCallsIsFoundAtTheNextCall) {
  struct Scaled : nn::HybridBlock {
    float scale = 2;
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return x * scale; }
  };
  struct Net : nn::HybridBlock {
    Scaled scaled = child("scaled", Scaled());
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return scaled(x) + 1; }
  };
  Net net;
  net.hybridize(audited());
  const Tensor x = ones({2});
  net(x);
  net(x);
  EXPECT_EQ(audit_of(net), "");
  net.scaled.scale = 3;
  EXPECT_TRUE(identical(net(x), full({2}, 3.f)));  // the frozen one: that is what is reported
  expect_text(audit_of(net), {"layer 'scaled'", "value is 2, in a later trace 3", "baked"});
  net.scaled.scale = 4;
  net(x);
  EXPECT_EQ(lines_in(audit_of(net)), 1);  // a place is listed once
  EXPECT_EQ(net.explain().hits, 3u);
}

TEST_P(Audit, ATensorMadeAtTheFirstTraceAndKeptIsFound) {
  const auto kept = std::make_shared<Tensor>();
  const std::string text = audit(
      [kept](const Tensors& x) {
        if (!kept->defined()) *kept = ones({40});
        return Tensors{x[0] + *kept};
      },
      {ones({40})});
  expect_text(text, {"%0 = constant and 1 more op: the second trace does not make it",
                     "kept in a C++ variable is baked"});
  EXPECT_EQ(lines_in(text), 1) << text;
}

TEST_P(Audit, WhatDependsOnTheSignatureIsNoDifference) {
  const auto f = jit(
      [](Tensor x) {
        Tensor y = x / static_cast<float>(x.shape()[0].value());
        for (int i = 0; i < x.rank(); ++i) y = y + 1;
        return is_training() ? y * 2 : y;
      },
      audited());
  f(ones({2, 3}));
  f(ones({5, 3}));
  f(ones({5}));
  {
    const TrainingScope training;
    f(ones({5}));
  }
  f(ones({2, 3}));
  EXPECT_EQ(f.explain().compiles, 4u);
  EXPECT_EQ(audit_of(f), "");
}

TEST_P(Audit, LayersReportNothingAndTheirStateMovesAsWithout) {
  const auto make = [] {
    nn::HybridSequential inner;
    inner.add(nn::Dense(6, {.activation = "relu"}), nn::Dropout(0.5));
    nn::HybridSequential net;
    net.add(nn::Dense(8), nn::BatchNorm(), nn::Dropout(0.3), inner, nn::LayerNorm(), nn::Dense(3));
    random::seed(5);
    net.initialize();
    return net;
  };
  const auto run = [](nn::HybridSequential& net) {
    const TrainingScope training;
    random::seed(9);
    const Tensor x = random::normal({4, 5});
    Tensors seen;
    for (int call = 0; call < 3; ++call) seen.push_back(net(x));
    for (const auto& [path, parameter] : net.collect_params())
      seen.push_back(parameter.data().copy());
    seen.push_back(random::uniform({2}));
    return seen;
  };
  nn::HybridSequential plain = make();
  const Tensors expected = run(plain);
  nn::HybridSequential net = make();
  net.hybridize(audited());
  const Tensors seen = run(net);
  ASSERT_EQ(seen.size(), expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_TRUE(identical(seen[i], expected[i])) << i;
  const Explanation explanation = net.explain();
  EXPECT_EQ(audit_of(net), "");
  EXPECT_EQ(explanation.hits, 2u);
  EXPECT_EQ(explanation.misses, 1u);
  EXPECT_EQ(explanation.compiles, 1u);
}

TEST_P(Audit, ControlFlowDrawsAndUpdatesReportNothing) {
  const Tensor w = random::normal({3, 3}), total = zeros({3});
  EXPECT_EQ(audit(
                [w, total](const Tensors& x) {
                  Tensor sum_of = total;
                  const Tensors r = while_loop(
                      [](Tensor i, Tensor) { return i < 3; },
                      [&](Tensor i, Tensor a) {
                        sum_of += a;
                        const Tensors c = cond(
                            sum(a) > 0, [&] { return dense(a, w) + random::normal({3}); },
                            [&] { return a * 2; });
                        return Tensors{i + 1, c[0]};
                      },
                      {Tensor(0), x[0]});
                  auto [carry, ys] = scan(
                      [&](Tensor c, Tensor row) {
                        sum_of += row;
                        return std::pair(c + row, row * c);
                      },
                      r[1], x[1]);
                  Tensor in = x[0];
                  in += 1;
                  return Tensors{carry, ys, in, carry};
                },
                {ones({3}), ones({4, 3})}),
            "");
}

TEST_P(Audit, AVariableThatHoldsAValueOfTheTraceIsAnErrorThatListsAll) {
  Tensor h = ones({2}), last;
  const auto rebound = jit([&](Tensor x) { return h = h + x; }, audited());
  EXPECT_ERROR(TraceError, rebound(ones({2})), "a C++ variable outside", "= add", "h = h + x",
               "audit: the second trace ended with the error: add", "h.assign(h + x)");
  EXPECT_TRUE(rebound.explain().signatures.empty());
  int calls = 0;
  const auto kept = jit(
      [&](Tensor x) {
        last = x * ++calls;
        return last + 1;
      },
      audited());
  EXPECT_ERROR(TraceError, kept(ones({2})), "holds %1 = multiply",
               "audit: %0 = constant, used by %1 = multiply: value is 1, in the second trace 2");
  const Explanation explanation = kept.explain();
  EXPECT_EQ(explanation.failures, 1u);
  EXPECT_NE(explanation.last_failure.find("value is 1"), std::string::npos);
  last = Tensor();
  // Only in another trace than the first: the program does not do it, and says so.
  int traces = 0;
  const auto sometimes = jit(
      [&](Tensor x) {
        Tensor y = x * 2;
        if (++traces == 2) last = y;
        return y;
      },
      audited());
  sometimes(ones({2}));
  expect_text(audit_of(sometimes),
              {"a C++ variable outside of the traced code holds %1 = multiply (f32[2]) after the "
               "second trace"});
  last = Tensor();
}

TEST_P(Audit, ErrorsOfAnotherTraceAreLines) {
  int traces = 0;
  const auto f = jit(
      [&](Tensor x) {
        if (++traces == 2) throw std::runtime_error("the file is gone");
        if (traces == 3) throw 3;
        return x + 1;
      },
      audited());
  EXPECT_TRUE(identical(f(ones({2})), full({2}, 2.f)));
  expect_text(audit_of(f), {"the second trace ended with the error: the file is gone"});
  EXPECT_TRUE(identical(f(ones({2})), full({2}, 2.f)));
  EXPECT_EQ(traces, 3);
  const auto reads = jit(
      [&](Tensor x) {
        if (++traces > 4) (void)x.item<float>();
        return x + 1;
      },
      audited());
  reads(tensor(1.f));
  expect_text(audit_of(reads), {"the second trace ended with the error: item: the value of"});
}

TEST_P(Audit, ThreadsMayCallWhatIsAudited) {
  const Tensor w = random::normal({3, 3});
  std::atomic<int> calls{0}, at_once{0}, most{0};
  const auto f = jit(
      [&](Tensor x) {
        ++calls;
        const int now = ++at_once;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        const Tensor y = tanh(dense(x, w));
        --at_once;
        return y;
      },
      audited());
  const Tensor x = random::normal({2, 3});
  const Tensor expected = f(x);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) wrong += !identical(f(x), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(most, 1);  // one trace of a function at a time
  EXPECT_GT(calls, 2);
  EXPECT_EQ(audit_of(f), "");
  EXPECT_EQ(f.explain().hits, 200u);
}

MLPJIT_PAINS_IN_ALL_MODES(Audit);

}  // namespace
}  // namespace mlpjit
