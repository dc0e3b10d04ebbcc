// No batch size is baked in unasked: Batch::dynamic serves every size, 0 and 1 included, from one
// trace, and no row depends on the rows beside it. Peers: pytorch 151582, 133653, 157621; mlx 2607
// (sizes specialised); pytorch 136338, 88718; jax 39741 (results vary with the batch).

#include "pains.h"

namespace mlpjit {
namespace {

class BatchSizes : public test::PainTest {};

nn::HybridSequential deep_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(37, {.activation = "tanh"}), nn::LayerNorm(),
          nn::Dense(16, {.activation = "gelu"}), nn::Dense(3));
  random::seed(3);
  net.initialize();
  return net;
}

TEST_P(BatchSizes, OneTraceServesEverySize) {
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  dynamic.on_recompile = OnRecompile::error;
  int traces = 0;
  const auto body = [](const Tensor& x) {
    return softmax(x * 2 + mean(x, 0, true)) * static_cast<float>(x.shape()[1].value());
  };
  const auto f = jit(
      [&](Tensor x) {
        ++traces;
        return body(x);
      },
      dynamic);
  for (const int batch : {7, 0, 1, 64, 2, 7, 3}) {
    const Tensor x = random::normal({batch, 5});
    EXPECT_TRUE(identical(f(x), body(x))) << batch;
  }
  EXPECT_EQ(traces, 1);
}

TEST_P(BatchSizes, NoRowDependsOnTheRowsBesideIt) {
  auto net = deep_net();
  const Tensor x = random::normal({64, 29});
  const Tensor whole = net(x);
  for (const Batch batch : {Batch::exact, Batch::dynamic}) {
    HybridizeOptions chosen = options();
    chosen.batch = batch;
    net.hybridize(chosen);
    EXPECT_TRUE(identical(net(x), whole));
    for (const auto& [begin, end] : {std::pair(0, 0), std::pair(0, 1), std::pair(13, 14),
                                     std::pair(5, 22), std::pair(63, 64)}) {
      EXPECT_TRUE(identical(net(x.slice(0, begin, end)), whole.slice(0, begin, end)))
          << begin << " to " << end;
    }
    net.hybridize(false);
  }
}

TEST_P(BatchSizes, CuttingASymbolicAxisNamesTheCallAndTheBlock) {
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  struct Head : nn::HybridBlock {
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return x.slice(0, 0, 1); }
  };
  Head head;
  head.hybridize(dynamic);
  EXPECT_ERROR(TraceError, head(ones({2, 3})), "Head: slice: axis 0 of the shape [B, 3]");
  const auto halves = jit([](Tensor x) { return split(x, 2, 0); }, dynamic);
  EXPECT_ERROR(TraceError, halves(ones({2, 3})), "split: axis 0", "gather");
}

TEST_P(BatchSizes, ASymbolicSizeUsedAsANumberNamesTheWaysOut) {
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  struct Divides : nn::HybridBlock {
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
      return F.sum(x, {0}) / static_cast<float>(x.shape()[0]);
    }
  };
  struct Outer : nn::HybridBlock {
    Divides inner = child("inner", Divides());
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return inner(x); }
  };
  Outer net;
  net.hybridize(dynamic);
  EXPECT_ERROR(TraceError, net(ones({2, 3})), "layer 'inner'", "dimension B", "exact shape",
               "outside");
  net.hybridize(options());
  EXPECT_TRUE(identical(net(ones({2, 3})), ones({3})));
}

TEST_P(BatchSizes, ALoopOverTheRowsOfASymbolicBatchIsShownScanAndOneOnValuesWhileLoop) {
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  const auto counted = [](const auto& goes_on) {
    return [&goes_on](Tensor x) {
      Tensor total = zeros({3});
      for (int i = 0; goes_on(i, x); ++i) total = total + x.slice(0, i, i + 1);
      return total;
    };
  };
  const auto below = [](int i, const Tensor& x) { return i < x.shape()[0]; };
  const auto unequal = [](int i, const Tensor& x) { return !(x.shape()[0] == i); };
  EXPECT_ERROR(TraceError, jit(counted(below), dynamic)(ones({2, 3})), "scan(body, carry, xs)");
  EXPECT_ERROR(TraceError, jit(counted(unequal), dynamic)(ones({2, 3})), "scan(body, carry, xs)");
  const auto halve = [](Tensor x) {
    while (max(abs(x)) > 1) x = x / 2;
    return x;
  };
  EXPECT_ERROR(TraceError, jit(halve, options())(ones({2})), "while_loop(condition, body, state)");
}

TEST_P(BatchSizes, SizesThatHappenToBeEqualAreNotOne) {
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  dynamic.on_recompile = OnRecompile::error;
  const auto affine = [](const Tensor& x, const Tensor& bias) { return tanh(x * 2 + bias); };
  const auto f = jit([&](Tensor x, Tensor bias) { return affine(x, bias); }, dynamic);
  const Tensor bias = random::normal({3});
  for (const int rows : {3, 4, 1, 0, 3, 7}) {
    const Tensor x = random::normal({rows, 3});
    EXPECT_TRUE(identical(f(x, bias), affine(x, bias))) << rows;
  }
  const Explanation explanation = f.explain();
  EXPECT_EQ(explanation.compiles, 1u);
  EXPECT_EQ(explanation.exact_batch, "");
  EXPECT_EQ(explanation.signatures[0].name, "f32[B, 3], f32[3]");

  // Two inputs with a batch, one without; and a weight that is square at first.
  const auto joined = [](const Tensor& x, const Tensor& y, const Tensor& w) {
    return matmul(concat({x, y}, 1), w);
  };
  const auto g = jit([&](Tensor x, Tensor y, Tensor w) { return joined(x, y, w); }, dynamic);
  const Tensor w = random::normal({6, 2});
  for (const int rows : {6, 2, 1}) {
    const Tensor x = random::normal({rows, 3}), y = random::normal({rows, 3});
    EXPECT_TRUE(identical(g(x, y, w), joined(x, y, w))) << rows;
  }
  const auto h = jit([](Tensor x, Tensor w) { return matmul(x, w); }, dynamic);
  const Tensor square = random::normal({3, 3});
  for (const int rows : {3, 4, 1}) {
    const Tensor x = random::normal({rows, 3});
    EXPECT_TRUE(identical(h(x, square), matmul(x, square))) << rows;
  }
}

TEST_P(BatchSizes, AfterSomeSizesThoseThatHappenedToBeEqualAreNotOneEither) {
  HybridizeOptions few = options();
  few.dynamic_batch_after = 2;
  const auto f = jit([](Tensor x, Tensor bias) { return x + bias; }, few);
  const Tensor bias = random::normal({3});
  for (const int rows : {3, 1, 2, 3, 4, 5}) {
    const Tensor x = random::normal({rows, 3});
    EXPECT_TRUE(identical(f(x, bias), x + bias)) << rows;
  }
  EXPECT_EQ(f.explain().compiles, 3u);
  EXPECT_EQ(f.explain().exact_batch, "");
}

MLPJIT_PAINS_IN_ALL_MODES(BatchSizes);

}  // namespace
}  // namespace mlpjit
