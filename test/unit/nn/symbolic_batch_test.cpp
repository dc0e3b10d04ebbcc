// One executable for every batch size: the bits of the imperative run, in every backend and on
// every instruction set, and one compile.

#include <gtest/gtest.h>

#include <functional>

#include "modes.h"

namespace mlpjit {
namespace {

const std::int64_t kBatches[] = {5, 0, 1, 2, 3, 7, 8, 16, 17, 33, 64, 100};

std::vector<HybridizeOptions> all_options() {
  std::vector<HybridizeOptions> all;
  for (const Backend backend : test::backends()) {
    for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      HybridizeOptions options{.backend = backend, .batch = Batch::dynamic};
      options.isa = isa;
      all.push_back(options);
      if (backend == Backend::graph) break;
    }
  }
  return all;
}

// `make` gives a block; twins of the same parameters run imperatively and compiled, from the same
// seed, on f32[batch, features] inputs.
template <class Make>
void expect_one_executable(const Make& make, std::int64_t features, bool training = false) {
  const TrainingScope mode(training);
  for (const HybridizeOptions& options : all_options()) {
    SCOPED_TRACE(std::string(to_string(options.backend)) + " " +
                 std::string(to_string(*options.isa)));
    auto plain = make();
    random::seed(3);
    plain.initialize();
    plain(random::normal({2, features}));  // shapes are known from here on
    decltype(plain) net = plain.clone();
    net.hybridize(options);
    for (const std::int64_t batch : kBatches) {
      const Tensor x = random::normal({batch, features});
      random::seed(static_cast<std::uint64_t>(batch));
      const Tensor expected = plain(x);
      random::seed(static_cast<std::uint64_t>(batch));
      const Tensor got = net(x);
      EXPECT_TRUE(identical(got, expected)) << "batch " << batch;
    }
    const nn::ParameterDict others = plain.collect_params();
    for (const auto& [path, parameter] : net.collect_params())
      EXPECT_TRUE(identical(parameter.data(), others[path].data())) << path;
    const Explanation explanation = net.explain();
    EXPECT_EQ(explanation.compiles, 1U) << explanation;
    EXPECT_EQ(explanation.exact_batch, "");
    ASSERT_EQ(explanation.signatures.size(), 1U);
    EXPECT_NE(explanation.signatures[0].name.find("f32[B, "), std::string::npos)
        << explanation.signatures[0].name;
  }
}

nn::HybridSequential layers() {
  nn::HybridSequential net;
  net.add(nn::Dense(70, {.activation = "relu"}), nn::Dense(40, {.activation = "gelu"}),
          nn::LayerNorm(), nn::Dense(21, {.activation = "tanh"}), nn::Dense(2));
  return net;
}

TEST(SymbolicBatch, Layers) {
  expect_one_executable(layers, 33);
}

TEST(SymbolicBatch, DropoutAndBatchNormInTraining) {
  const auto make = [] {
    nn::HybridSequential net;
    net.add(nn::Dense(40), nn::BatchNorm(), nn::Activation("relu"), nn::Dropout(0.3), nn::Dense(5));
    return net;
  };
  expect_one_executable(make, 20, true);
  expect_one_executable(make, 20, false);
}

// f, compiled once, against f, on inputs of every batch size.
void expect_same(const std::function<Tensors(const Tensors&)>& f,
                 const std::function<Tensors(std::int64_t)>& inputs) {
  for (const HybridizeOptions& options : all_options()) {
    SCOPED_TRACE(std::string(to_string(options.backend)) + " " +
                 std::string(to_string(*options.isa)));
    const auto compiled = jit(f, options);
    for (const std::int64_t batch : kBatches) {
      const Tensors x = inputs(batch);
      random::seed(9);
      const Tensors expected = f(x);
      random::seed(9);
      const Tensors got = compiled(x);
      ASSERT_EQ(got.size(), expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_TRUE(identical(got[i], expected[i])) << "result " << i << ", batch " << batch;
      }
    }
    const Explanation explanation = compiled.explain();
    EXPECT_EQ(explanation.compiles, 1U) << explanation;
    EXPECT_EQ(explanation.exact_batch, "");
  }
}

Tensors one_normal(std::int64_t batch) {
  return {random::normal({batch, 12})};
}

TEST(SymbolicBatch, RowsReductionsAndChains) {
  const Tensor row = random::normal({12});
  expect_same(
      [row](const Tensors& in) {
        const Tensor& x = in[0];
        return Tensors{softmax(x, -1),
                       log_softmax(exp(x) + row, -1),
                       sum(x * row, {1}),
                       mean(x, {1}, true) - x,
                       var(x, {1}),
                       max(abs(x), {1}),
                       argmax(x, 1),
                       sum(x),
                       sum(x, {0}),
                       mean(x, {0}) * row,
                       var(x, {0}),
                       where(x > 0, gelu(x), sin(x)),
                       cast(x * 10, DType::i32) * 3,
                       cast(x, DType::f64) / 3};
      },
      one_normal);
}

TEST(SymbolicBatch, MovementAndDraws) {
  const Tensor table = random::normal({9, 4}), row = ones({3, 12});
  expect_same(
      [table, row](const Tensors& in) {
        const Tensor &x = in[0], &i = in[1];
        return Tensors{concat({x, tanh(x)}, 1),
                       concat({x, row, x + 1}, 0) * 2,
                       x.slice(1, 2, 9, 3) * 2,
                       split(x, {5, 3, 4}, 1)[1] + 1,
                       stack({x, exp(x)}, 0),
                       transpose(x) + 1,
                       relu(reshape(x, {-1, 3, 4})),
                       reshape(x, {-1}) * reshape(x, {-1}),
                       gather(table, i, 0) * 2,
                       one_hot(i, 9),
                       matmul(x.slice(1, 0, 4), transpose(table)),
                       matmul(transpose(x), x),
                       x + random::normal(x.shape()),
                       random::uniform({x.shape()[0], 3})};
      },
      [](std::int64_t batch) {
        Tensor indices = arange(batch, DType::i64);
        return Tensors{random::normal({batch, 12}), remainder(indices, 9)};
      });
}

TEST(SymbolicBatch, ProductsOfTheBatchWithItself) {
  expect_same(
      [](const Tensors& in) {
        const Tensor similar = matmul(in[0], transpose(in[0]));
        return Tensors{softmax(similar * 0.5, -1), tanh(similar)};
      },
      one_normal);
}

TEST(SymbolicBatch, ControlFlow) {
  const Tensor w = random::normal({12, 12}) * 0.1;
  expect_same(
      [w](const Tensors& in) {
        const Tensor& x = in[0];
        const Tensors chosen = cond(
            sum(x) > 0, [&](const Tensors& a) { return Tensors{relu(dense(a[0], w))}; },
            [&](const Tensors& a) { return Tensors{a[0] - random::normal(a[0].shape())}; }, {x});
        const Tensors looped =
            while_loop([](const Tensors& s) { return s[0] < 3; },
                       [&](const Tensors& s) { return Tensors{s[0] + 1, tanh(dense(s[1], w))}; },
                       {tensor(std::int64_t{0}), x});
        return Tensors{chosen[0], looped[1]};
      },
      one_normal);
}

TEST(SymbolicBatch, TakesOverAfterAFewSizes) {
  for (const Backend backend : test::backends()) {
    auto net = layers();
    net.initialize();
    net.hybridize({.backend = backend, .dynamic_batch_after = 2});
    const Tensor x = random::normal({9, 6});
    for (const std::int64_t batch : {4, 2, 4, 9, 1, 3, 0, 4, 2}) net(x.slice(0, 0, batch));
    const Explanation explanation = net.explain();
    EXPECT_EQ(explanation.compiles, 3U) << explanation;  // 4, 2, B
    EXPECT_EQ(explanation.hits, 6U);
    auto exact = layers();
    exact.initialize();
    exact.hybridize({.backend = backend, .dynamic_batch_after = 0});
    for (const std::int64_t batch : {4, 2, 3, 9, 1, 7}) exact(x.slice(0, 0, batch));
    EXPECT_EQ(exact.explain().compiles, 6U);
  }
}

TEST(SymbolicBatch, WhereTheSizeMattersItStaysExactAndExplainSaysWhy) {
  const Tensor row = ones({3, 2});
  int reads = 0;
  const auto f = jit(
      [&](Tensor x) {
        ++reads;
        return x.shape()[0] == 3 ? x + row : x * 2;
      },
      {.backend = Backend::graph, .dynamic_batch_after = 2});
  for (const std::int64_t batch : {1, 2, 3, 4, 5})
    EXPECT_TRUE(identical(f(ones({batch, 2})), ones({batch, 2}) * 2));
  EXPECT_EQ(f.explain().compiles, 5U);
  EXPECT_NE(f.explain().exact_batch.find("B"), std::string::npos) << f.explain();
  // A shape that only one size fits.
  const auto g =
      jit([&](Tensor x) { return x + row; }, {.backend = Backend::graph, .batch = Batch::dynamic});
  EXPECT_TRUE(identical(g(ones({3, 2})), ones({3, 2}) * 2));
  EXPECT_NE(g.explain().exact_batch.find("B"), std::string::npos) << g.explain();
  EXPECT_THROW(g(ones({4, 2})), ShapeError);
}

TEST(SymbolicBatch, ComparedSizesAreNeverFrozen) {
  const Tensor w = random::normal({6, 3});
  const auto residual = [w](const Tensor& x) {
    const Tensor y = tanh(x);
    return x.shape() == w.shape() ? y + w : y;
  };
  const auto twice = [w](const Tensor& x) {
    return w.shape()[0] != x.shape()[0] * 2 ? x - 1 : concat({x, x}, 0) * w;
  };
  for (const Backend backend : test::backends()) {
    const auto f = jit(residual, {.backend = backend});
    const auto g = jit(twice, {.backend = backend});
    for (const std::int64_t batch : {1, 2, 4, 5, 7, 6, 3, 0, 6, 8}) {
      const Tensor x = random::normal({batch, 3});
      EXPECT_TRUE(identical(f(x), residual(x))) << batch;
      EXPECT_TRUE(identical(g(x), twice(x))) << batch;
    }
    EXPECT_NE(f.explain().exact_batch.find("[B, 3] and [6, 3]"), std::string::npos) << f.explain();
    // Sizes that are equal, or never so, for every batch do not stand in the way.
    const auto h = jit(
        [w](Tensor x, Tensor y) {
          return x.shape() == y.shape() && x.shape() != transpose(w).shape() ? x + y : x;
        },
        {.backend = backend});
    for (const std::int64_t batch : {1, 2, 3, 4, 5, 6, 7})
      EXPECT_TRUE(identical(h(ones({batch, 3}), ones({batch, 3})), ones({batch, 3}) * 2));
    EXPECT_EQ(h.explain().compiles, 5U) << h.explain();
    // Nor where the function catches the error of asking.
    const auto guarded = [w](const Tensor& x) {
      try {
        if (x.shape()[0].value() == 7 || x.shape() == w.shape()) return x * 2;
      } catch (const Error&) {
      }
      return x;
    };
    const auto renamed = jit(
        [](const Tensor& x) {
          try {
            return x.shape()[0] == 3 ? x * 3 : x;
          } catch (const Error& error) {
            throw std::runtime_error(std::string("mine: ") + error.what());
          }
        },
        {.backend = backend});
    for (const std::int64_t batch : {1, 2, 4, 5, 7, 6, 3})
      EXPECT_EQ(renamed(ones({batch, 3})).data<float>()[0], batch == 3 ? 3 : 1);
    const auto caught = jit(guarded, {.backend = backend});
    for (const std::int64_t batch : {1, 2, 4, 5, 7, 6, 3, 0})
      EXPECT_TRUE(identical(caught(ones({batch, 3})), guarded(ones({batch, 3})))) << batch;
    const auto asked = jit(residual, {.backend = backend, .batch = Batch::dynamic});
    EXPECT_THROW(asked(ones({2, 3})), TraceError);
  }
}

TEST(SymbolicBatch, AProgramWithASymbolIsCompiledOnce) {
  const Tensor w = random::normal({7, 5});
  const auto f = [w](Tensor x) { return softmax(dense(x, w), -1); };
  for (const Backend backend : test::backends()) {
    const Executable compiled = compile(trace(f, f32({dim("N"), 5})), {.backend = backend});
    for (const std::int64_t batch : kBatches) {
      const Tensor x = random::normal({batch, 5});
      EXPECT_TRUE(identical(compiled(x)[0], f(x))) << batch;
    }
    EXPECT_EQ(compiled.explain().compiles, 1U);
    EXPECT_EQ(compiled.explain().signatures.at(0).name, "f32[N, 5]");
    EXPECT_THROW(compiled(ones({4, 6})), ShapeError);
    // Two symbols: one executable for each pair of sizes.
    const Executable pairs = compile(trace([](Tensor x, Tensor y) { return matmul(x, y); },
                                           f32({dim("M"), 4}), f32({4, dim("N")})),
                                     {.backend = backend});
    EXPECT_EQ(pairs(ones({2, 4}), ones({4, 3}))[0].shape(), Shape({2, 3}));
    EXPECT_EQ(pairs(ones({5, 4}), ones({4, 1}))[0].shape(), Shape({5, 1}));
    EXPECT_EQ(pairs.explain().compiles, 2U);
    EXPECT_NE(pairs.explain().exact_batch.find("N"), std::string::npos) << pairs.explain();
  }
}

TEST(SymbolicBatch, CompileRefusesOptionsThatAProgramCannotHave) {
  const auto refused = [](const Graph& graph, const HybridizeOptions& options) -> std::string {
    try {
      compile(graph, options);
      return "accepted";
    } catch (const UserError& error) {
      return error.what();
    }
  };
  const auto f = [](Tensor x) { return x + 1; };
  const Graph numbers = trace(f, f32({2, 3})), symbols = trace(f, f32({dim("B"), 3}));
  EXPECT_NE(refused(numbers, {.backend = Backend::graph, .audit = true}).find("audit"),
            std::string::npos);
  EXPECT_NE(
      refused(numbers, {.backend = Backend::graph, .batch = Batch::dynamic}).find("dim(\"B\")"),
      std::string::npos);
  EXPECT_EQ(refused(symbols, {.backend = Backend::graph, .batch = Batch::dynamic}), "accepted");
}

TEST(SymbolicBatch, OnRecompileHoldsWhereEachSetOfSizesHasItsOwnExecutable) {
  const Graph pairs = trace([](Tensor x, Tensor y) { return matmul(x, y); }, f32({dim("M"), 4}),
                            f32({4, dim("N")}));
  const Executable strict =
      compile(pairs, {.backend = Backend::graph, .on_recompile = OnRecompile::error});
  strict(ones({2, 4}), ones({4, 3}));
  strict(ones({2, 4}), ones({4, 3}));
  try {
    strict(ones({5, 4}), ones({4, 3}));
    FAIL() << "no error";
  } catch (const UserError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("expected M = 2, N = 3, got M = 5, N = 3"), std::string::npos) << text;
    EXPECT_NE(text.find("on_recompile is error"), std::string::npos) << text;
  }
  EXPECT_EQ(strict.explain().compiles, 1U);
}

}  // namespace
}  // namespace mlpjit
