// A traced function that assigns a C++ variable outside is refused, or ends with an error of its
// own, and the variable holds an ordinary tensor: what an imperative run had given it. Peers:
// jax "Reference to UnexpectedTracerError".

#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "pains.h"

namespace mlpjit {
namespace {

class FailedTrace : public test::PainTest {};

constexpr const char* kHeld = "a C++ variable outside of the traced code holds";
constexpr const char* kLeftOver = "was left over in a C++ variable by a trace that has ended";

struct Lazy : nn::HybridBlock {
  Tensor mask;
  Tensor hybrid_forward(const Ops&, const Tensor& x) override {
    if (!mask.defined()) mask = ones(x.shape()) * 2;
    return x * mask;
  }
};

struct Rnn : nn::HybridBlock {
  nn::Parameter scale = parameter("scale", {2}, {.initializer = nn::Constant(0.75)});
  Tensor h = zeros({2});
  bool fails = false, reads = false;
  Tensor hybrid_forward(const Ops&, const Tensor& x) override {
    h = tanh(x * scale.data() + h);
    if (fails) throw std::out_of_range("the user's own");
    if (reads) (void)h.to_vector<float>();
    return h;
  }
};

TEST_P(FailedTrace, ALazyMemberServesImperativelyAndThenAsACapture) {
  Lazy block;
  block.hybridize(options());
  const Tensor x = tensor({1.f, -3.f});
  EXPECT_ERROR(TraceError, block(x), kHeld, "%2 = multiply");
  EXPECT_TRUE(identical(block.mask, full({2}, 2.f)));
  EXPECT_TRUE(identical(block(x), tensor({2.f, -6.f})));  // a capture now
  EXPECT_EQ(block.explain().compiles, 1u);
  block.hybridize(false);
  EXPECT_TRUE(identical(block(x), tensor({2.f, -6.f})));
}

TEST_P(FailedTrace, AStateGoesOnWhereTheImperativeRunWouldBe) {
  const Tensor x = tensor({0.3f, -1.7f});
  Rnn plain, hybrid;
  plain.initialize();
  hybrid.initialize();
  hybrid.hybridize(options());
  plain(x);
  EXPECT_ERROR(TraceError, hybrid(x), kHeld, "= tanh");
  EXPECT_TRUE(identical(hybrid.h, plain.h)) << hybrid.h << plain.h;
  plain(x);
  hybrid.fails = true;
  EXPECT_ERROR(std::out_of_range, hybrid(x), "the user's own");
  EXPECT_TRUE(identical(hybrid.h, plain.h));
  hybrid.fails = false;
  plain(x);
  hybrid.reads = true;
  EXPECT_ERROR(TraceError, hybrid(x), "to_vector", "not known while tracing");
  EXPECT_TRUE(identical(hybrid.h, plain.h));
  hybrid.hybridize(false);
  EXPECT_TRUE(identical(hybrid(x), plain(x)));
  EXPECT_TRUE(identical(hybrid(x), plain(x)));
}

TEST_P(FailedTrace, TracedAfterTheFix) {
  struct Mended : nn::HybridBlock {
    Tensor h = zeros({2});
    bool mended = false;
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      if (mended) {
        h.assign(tanh(x + h));
      } else {
        h = tanh(x + h);
      }
      return h * 1;
    }
  } block, plain;
  const Tensor x = tensor({0.3f, -1.7f});
  block.hybridize(options());
  EXPECT_ERROR(TraceError, block(x), kHeld);
  block.mended = true;
  plain(x);
  for (int call = 0; call < 3; ++call) EXPECT_TRUE(identical(block(x), plain(x))) << call;
  EXPECT_TRUE(identical(block.h, plain.h));
  EXPECT_EQ(block.explain().compiles, 1u);
}

TEST_P(FailedTrace, NothingElseHappens) {
  Tensor counter = zeros({2}), counted, drawn, alias, x = ones({2}), table = ones({3});
  Tensor number = 0;  // a C++ scalar
  const auto f = jit(
      [&](Tensor in, Tensor index) {
        counter += 1;
        counted = counter * 10;
        drawn = random::uniform({2});
        alias = in;
        number = number + 0.25;
        print("a print", in);
        (void)gather(table, index, 0);  // fails, and nothing that is held needs it
        in += 5;
        return in * 1;
      },
      options());
  random::seed(3);
  std::ostringstream printed;
  std::streambuf* const before = std::cout.rdbuf(printed.rdbuf());
  try {
    f(x, tensor(std::int64_t{9}));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const TraceError&) {
  }
  std::cout.rdbuf(before);
  EXPECT_EQ(printed.str(), "");
  EXPECT_TRUE(identical(counter, zeros({2})));
  EXPECT_TRUE(identical(x, ones({2})));
  EXPECT_EQ(random::state(), (random::State{3, 0}));
  EXPECT_TRUE(identical(counted, full({2}, 10.f)));
  EXPECT_TRUE(identical(drawn, random::uniform({2})));
  EXPECT_TRUE(identical(alias, full({2}, 6.f)));
  EXPECT_TRUE(number.is_weak());
  EXPECT_TRUE(identical(full({1}, 1.0, DType::f64) * number, full({1}, 0.25, DType::f64)));
}

TEST_P(FailedTrace, ValuesThatNobodyKnowsSaySo) {
  Tensor inside, failing, good;
  bool assigns = true;
  const auto f = jit(
      [&](Tensor x) {
        if (!assigns) return x + inside;
        good = x + 1;
        failing = gather(x, tensor(std::int64_t{9}), 0);
        const Tensors loop = while_loop([](const Tensors& s) { return sum(s[0]) < 10; },
                                        [&](const Tensors& s) {
                                          inside = s[0] * 2;
                                          print("round", s[0]);
                                          return Tensors{inside};
                                        },
                                        {x});
        return loop[0];
      },
      options());
  EXPECT_ERROR(TraceError, f(ones({2})), kHeld, "= multiply", "= add");
  EXPECT_TRUE(identical(good, full({2}, 2.f)));
  EXPECT_ERROR(TraceError, inside + 1, kLeftOver, "f32[2]", "give the variable a tensor again");
  EXPECT_ERROR(TraceError, failing + 1, kLeftOver);
  assigns = false;
  EXPECT_ERROR(TraceError, f(ones({2})), "add", kLeftOver);
  inside = ones({2});
  EXPECT_TRUE(identical(f(ones({2})), full({2}, 2.f)));
}

TEST_P(FailedTrace, ALoopIsRunWithoutItsPrints) {
  Tensor last;
  const auto f = jit(
      [&](Tensor x) {
        last = while_loop([](const Tensors& s) { return sum(s[0]) < 10; },
                          [](const Tensors& s) {
                            print("round", s[0]);
                            return Tensors{s[0] * 2 + random::uniform({2}) * 0};
                          },
                          {x})[0];
        return x * 1;
      },
      options());
  std::ostringstream printed;
  std::streambuf* const before = std::cout.rdbuf(printed.rdbuf());
  EXPECT_ERROR(TraceError, f(ones({2})), kHeld, "= while");
  std::cout.rdbuf(before);
  EXPECT_EQ(printed.str(), "");
  EXPECT_TRUE(identical(last, full({2}, 8.f))) << last;
}

TEST_P(FailedTrace, OneTraceForAllBatchSizesIsTriedOnce) {
  Lazy block;
  HybridizeOptions all = options();
  all.batch = Batch::dynamic;
  block.hybridize(all);
  EXPECT_ERROR(TraceError, block(ones({3, 2})), kHeld);
  EXPECT_TRUE(identical(block.mask, full({3, 2}, 2.f)));
  EXPECT_EQ(block.explain().failures, 1u);
  Tensor h = zeros({2});
  const auto f = jit([&](Tensor x) { return h = h + x; }, options());
  const auto g = jit([&](Tensor x) { return h = h + sum(x, {0}); }, all);
  EXPECT_ERROR(TraceError, f(ones({2})), kHeld);
  EXPECT_TRUE(identical(h, full({2}, 1.f)));
  EXPECT_ERROR(TraceError, g(ones({4, 2})), kHeld);
  EXPECT_TRUE(identical(h, full({2}, 5.f)));
}

TEST_P(FailedTrace, ExportAndTraceRefuseItToo) {
  const std::string prefix = (std::filesystem::temp_directory_path() / "failed-trace").string();
  Lazy block;
  EXPECT_ERROR(TraceError, block.export_model(prefix, {.inputs = {f32({2})}}), "export_model",
               kHeld, "= multiply");
  EXPECT_FALSE(std::filesystem::exists(prefix + "-symbol.json"));
  const Tensor x = tensor({1.f, -3.f});
  EXPECT_TRUE(identical(block(x), tensor({2.f, -6.f})));

  Rnn rnn;
  rnn.initialize();
  EXPECT_ERROR(TraceError, rnn.export_model(prefix, {.inputs = {f32({2})}}), kHeld, "= tanh");
  EXPECT_ERROR(TraceError, rnn(x), kLeftOver);
  rnn.h = zeros({2});
  Rnn plain;
  plain.initialize();
  EXPECT_TRUE(identical(rnn(x), plain(x)));

  Tensor kept;
  EXPECT_ERROR(TraceError, trace([&](Tensor y) { return kept = y + 1; }, f32({2})),
               "trace: ", kHeld);
  EXPECT_ERROR(TraceError, kept.to_vector<float>(), kLeftOver);
}

TEST_P(FailedTrace, ASummaryLeavesAMemberThatWorks) {
  Lazy block;
  const Tensor x = tensor({1.f, -3.f});
  EXPECT_NE(block.summary(x).find("[2]"), std::string::npos);
  EXPECT_TRUE(identical(block(x), tensor({2.f, -6.f})));
}

MLPJIT_PAINS_IN_ALL_MODES(FailedTrace);

}  // namespace
}  // namespace mlpjit
