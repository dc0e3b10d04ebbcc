// What a trace freezes can be listed: values of C++ variables, clocks, rand(), counters, rebound
// captures. Peers: pytorch 21774; tensorflow 31362; jax 1141 (baked in silence).

#include <chrono>
#include <cstdlib>

#include "pains.h"

namespace mlpjit {
namespace {

class BakedValues : public test::PainTest {
 protected:
  HybridizeOptions audited() const {
    HybridizeOptions all = options();
    all.audit = true;
    return all;
  }
  template <class Jitted>
  static std::string audit_of(const Jitted& f) {
    std::string text;
    const Explanation explanation = f.explain();
    for (const std::string& line : explanation.signatures.at(0).audit) text += line + "\n";
    return text;
  }
  static void expect_text(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
};

TEST_P(BakedValues, CountersClocksAndRandAreFound) {
  int counter = 0;
  const auto counts = jit([&](Tensor x) { return x * static_cast<float>(++counter); }, audited());
  counts(ones({2}));
  expect_text(audit_of(counts),
              {"constant, used by %1 = multiply: value is 1, in the second trace 2", "baked"});

  const auto clock = jit(
      [](Tensor x) {
        const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
        return x + static_cast<float>(now % 1000003);
      },
      audited());
  clock(ones({2}));
  expect_text(audit_of(clock), {"constant", "baked"});

  std::srand(1);
  const auto rand_value = jit([](Tensor x) { return leaky_relu(x, std::rand()); }, audited());
  rand_value(ones({2}));
  expect_text(audit_of(rand_value), {"leaky_relu", "alpha", "baked"});
}

TEST_P(BakedValues, TheLayerWhereTheyEnterIsNamed) {
  struct Noisy : nn::HybridBlock {
    int calls = 0;
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      return x * static_cast<float>(calls++ + 3);
    }
  };
  struct Net : nn::HybridBlock {
    Noisy noisy = child("noisy", Noisy());
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return noisy(x) + 1; }
  };
  Net net;
  net.hybridize(audited());
  net(ones({2}));
  expect_text(audit_of(net), {"layer 'noisy'", "value is 3, in the second trace 4"});
  const std::string report = to_string(net.explain()), json = to_json(net.explain());
  expect_text(report, {"audit", "layer 'noisy'"});
  expect_text(json, {"\"audit\"", "layer 'noisy'"});
}

TEST_P(BakedValues, BranchesLoopsAndCapturesThatChangeAreFound) {
  bool flip = false;
  const auto branch = jit(
      [&](Tensor x) {
        flip = !flip;
        return flip ? exp(x) : tanh(x);
      },
      audited());
  branch(ones({2}));
  expect_text(audit_of(branch), {"exp", "tanh", "branch"});

  int rounds = 1;
  const auto loop = jit(
      [&](Tensor x) {
        for (int i = 0; i < rounds; ++i) x = x + 1;
        ++rounds;
        return x;
      },
      audited());
  loop(ones({2}));
  expect_text(audit_of(loop), {"after %1 = add", "1 more op", "loop"});

  std::vector<Tensor> weights{full({2}, 1.f), full({2}, 2.f)};
  std::size_t next = 0;
  const auto capture = jit([&](Tensor x) { return x * weights[next++ % 2]; }, audited());
  capture(ones({2}));
  expect_text(audit_of(capture), {"capture 0", "another tensor", "bound anew"});
}

TEST_P(BakedValues, WhatIsReadAtEachCallIsNoDifference) {
  Tensor w = random::normal({4, 3}), count = zeros({});
  const auto clean = jit(
      [w, count](Tensor x) mutable {
        count += 1;
        const Tensors r = cond(
            sum(x) > 0, [](Tensor a) { return Tensors{a * 2}; },
            [](Tensor a) { return Tensors{a}; }, {x});
        return dense(r[0], w) + random::uniform({4}) + count;
      },
      audited());
  clean(ones({2, 3}));
  EXPECT_EQ(audit_of(clean), "");
  EXPECT_EQ(count.item<float>(), 1);  // auditing runs nothing
  EXPECT_EQ(clean.explain().compiles, 1u);
}

TEST_P(BakedValues, TheTraceForAllBatchSizesIsAuditedToo) {
  HybridizeOptions dynamic = audited();
  dynamic.batch = Batch::dynamic;
  int counter = 0;
  const auto f = jit([&](Tensor x) { return x * static_cast<float>(++counter); }, dynamic);
  f(ones({2, 3}));
  f(ones({5, 3}));
  EXPECT_EQ(counter, 3);  // one trace, audited at once and at the later call
  expect_text(audit_of(f), {"value is 1, in the second trace 2"});
}

TEST_P(BakedValues, WithoutAnAuditThereIsOneTrace) {
  int traces = 0;
  const auto f = jit(
      [&](Tensor x) {
        ++traces;
        return x + 1;
      },
      options());
  f(ones({2}));
  f(ones({2}));
  EXPECT_EQ(traces, 1);
  EXPECT_TRUE(f.explain().signatures.at(0).audit.empty());
}

TEST_P(BakedValues, AReadWhoseErrorTheFunctionCatchesIsAnErrorAllTheSame) {
  const auto f = [](const Tensor& x) {
    try {
      if (sum(x).item<float>() > 0) return x * 2;
    } catch (const Error&) {
    }
    return x;
  };
  EXPECT_ERROR(TraceError, jit(f, options())(ones({2})), "caught inside the traced function");
  const auto aware = jit([f](Tensor x) { return is_tracing() ? x * 2 : f(x); }, options());
  EXPECT_TRUE(identical(aware(ones({2})), f(ones({2}))));
}

TEST_P(BakedValues, ReadingATensorFromOutsideIsAnError) {
  const Tensor scale = tensor(2.f);
  const auto f = jit([scale](Tensor x) { return x * scale.item<float>(); }, options());
  EXPECT_ERROR(TraceError, f(ones({2})), "item", "between calls");
  struct Net : nn::HybridBlock {
    nn::Parameter scale = parameter("scale", {1}, {.initializer = nn::Ones()});
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      return scale.data().item<float>() > 0 ? x : -x;
    }
  };
  Net net;
  net.initialize();
  net.hybridize(options());
  EXPECT_ERROR(TraceError, net(ones({2})), "Net: item");
  net.hybridize(false);
  EXPECT_TRUE(identical(net(ones({2})), ones({2})));
}

MLPJIT_PAINS_IN_ALL_MODES(BakedValues);

}  // namespace
}  // namespace mlpjit
