// Calls of blocks: the same bits in every mode, signatures, parameters, errors, what they tell of
// themselves.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "test/unit/nn/blocks.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;
using test::expect_same_in_all_modes;
using test::HybridNet;
using test::seed_net;

struct TwoInTwoOut : nn::HybridBlock {
  nn::Dense left = child("left", nn::Dense(3));
  Tensors hybrid_forward_n(const Ops& F, const Tensors& inputs) override {
    const Tensor sum = left(inputs[0]) + inputs[1];
    return {sum, F.tanh(sum)};
  }
};

TEST(Block, GivesTheSameBitsInAllModes) {
  auto net = seed_net();
  expect_same_in_all_modes(net, {random::normal({3, 12})});
  HybridNet own;
  own.initialize();
  expect_same_in_all_modes(own, {random::normal({1, 3})});
}

TEST(Block, InfersInputSizesWhileTracing) {
  auto imperative = seed_net(), traced = seed_net();
  const Tensor x = random::normal({2, 5});
  traced.hybridize({.backend = Backend::graph});
  const Tensor first = traced(x);
  EXPECT_TRUE(identical(first, imperative(x)));
  EXPECT_EQ(traced.collect_params()["0.weight"].shape(), (Shape{16, 5}));
}

TEST(Block, RunsItsBodyOncePerSignatureWhenHybridized) {
  HybridNet net;
  net.initialize();
  net(ones({1, 3}));
  EXPECT_EQ(net.calls, 1);
  net.hybridize({.backend = Backend::graph});
  for (int i = 0; i < 3; ++i) net(ones({1, 3}));
  EXPECT_EQ(net.calls, 2);
  net(ones({2, 3}));
  EXPECT_EQ(net.calls, 3);
  EXPECT_EQ(net.explain().compiles, 2U);
  net.hybridize(false);
  net(ones({2, 3}));
  EXPECT_EQ(net.calls, 4);
}

TEST(Block, HybridizeTakesOptionsBracesAndExactlyBool) {
  HybridNet net;
  net.initialize();
  net.hybridize({});
  net.hybridize({.backend = Backend::graph});
  net(ones({1, 3}));
  EXPECT_EQ(net.explain().entries, 1U);
  net.hybridize(true);
  net.hybridize(false);
  net(ones({1, 3}));
  EXPECT_EQ(net.calls, 2);
}

TEST(Block, SeesNewParameterValuesWithoutCompilingAgain) {
  for (const Backend backend : test::backends()) {
    auto net = seed_net();
    const Tensor x = random::normal({4, 6});
    net(x);
    net.hybridize({.backend = backend});
    const Tensor before = net(x);
    net.collect_params()["2.weight"].set_data(random::normal({2, 8}));
    net.collect_params()["0.bias"].set_data(full({16}, 0.25));
    const Tensor after = net(x);
    EXPECT_FALSE(identical(before, after));
    EXPECT_EQ(net.explain().compiles, 1U);
    net.hybridize(false);
    EXPECT_TRUE(identical(net(x), after));
  }
}

TEST(Block, TakesSeveralInputsAndGivesSeveralResults) {
  TwoInTwoOut net;
  net.initialize();
  const Tensor x = random::normal({2, 5}), y = random::normal({2, 3});
  const Tensors both = net(x, y);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_TRUE(identical(both[1], tanh(both[0])));
  EXPECT_TRUE(identical(net(x, y)[0], both[0]));
  expect_same_in_all_modes(net, {x, y});
  expect_mentions(error_of<UserError>([&] { Tensor one = net(x, y); }), {"2 results"});
}

TEST(Block, ResultsBindToNames) {
  TwoInTwoOut net;
  net.initialize();
  const Tensor x = ones({1, 2}), y = ones({1, 3});
  for (const bool hybrid : {false, true}) {
    if (hybrid) net.hybridize({.backend = Backend::graph});
    const auto [sum, bent] = net.call<2>(x, y);
    EXPECT_TRUE(identical(bent, tanh(sum)));
    const auto [same, again] = net(x, y).as<2>();
    EXPECT_TRUE(identical(same, sum) && identical(again, bent));
    expect_mentions(error_of<UserError>([&] { net.call<3>(x, y); }), {"2 results, 3 are wanted"});
  }
  struct Halves : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops& F, const Tensors& inputs) override {
      return F.split(inputs[0], 2);
    }
  };
  const Halves halves;
  const auto [first, second] = halves.call<2>(tensor({1.f, 2.f}));
  EXPECT_TRUE(identical(second, tensor({2.f})));
  expect_mentions(error_of<UserError>([&] { halves(tensor({1.f, 2.f})); }), {"net.call<2>(x)"});
}

TEST(Block, OneResultOfSeveralInputsIsATensor) {
  nn::HybridLambda sum(
      [](const Ops&, const Tensors& inputs) { return Tensors{inputs[0] + inputs[1]}; });
  Tensor result = sum(ones({2}), ones({2}));
  EXPECT_TRUE(identical(result, full({2}, 2.0)));
  expect_same_in_all_modes(sum, {ones({2}), ones({2})});
}

TEST(Block, ThatOverridesNothingSaysSo) {
  struct Empty : nn::HybridBlock {};
  struct EmptyPlain : nn::Block {};
  Empty hybrid;
  EmptyPlain plain;
  expect_mentions(error_of<UserError>([&] { hybrid(ones({1})); }), {"Empty", "hybrid_forward"});
  expect_mentions(error_of<UserError>([&] { hybrid(ones({1}), ones({1})); }), {"hybrid_forward_n"});
  expect_mentions(error_of<UserError>([&] { plain(ones({1})); }), {"EmptyPlain", "forward"});
  hybrid.hybridize({.backend = Backend::graph});
  expect_mentions(error_of<UserError>([&] { hybrid(ones({1})); }), {"Empty", "hybrid_forward"});
}

TEST(Block, NamesTheLayerInErrorsOfOps) {
  auto net = seed_net();
  net(ones({1, 4}));
  expect_mentions(error_of<ShapeError>([&] { net(ones({1, 5})); }),
                  {"layer '0'", "Dense", "4", "f32[1, 5]"});
  expect_mentions(error_of<DTypeError>([&] { net(ones({1, 4}, DType::f64)); }),
                  {"layer '0'", "cast"});
  net.hybridize({.backend = Backend::graph});
  expect_mentions(error_of<ShapeError>([&] { net(ones({1, 5})); }),
                  {"layer '0'", "Dense", "4", "f32[1, 5]"});
  EXPECT_EQ(net(ones({1, 4})).shape(), (Shape{1, 2}));
}

TEST(Block, IsUsableAfterAnErrorWhileTracing) {
  struct Reads : nn::HybridBlock {
    nn::Dense dense = child("dense", nn::Dense(2));
    bool read = true;
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
      Tensor y = dense(x);
      if (read && F.sum(y).item<float>() > 1e9F) return x;
      return y;
    }
  };
  Reads net;
  net.initialize();
  const Tensor x = ones({1, 3});
  const Tensor y = net(x);
  net.hybridize({.backend = Backend::graph});
  EXPECT_THROW(net(x), TraceError);
  EXPECT_FALSE(is_tracing());
  net.read = false;
  EXPECT_TRUE(identical(net(x), y));
  net.read = true;
  net.hybridize(false);
  EXPECT_TRUE(identical(net(x), y));
}

TEST(Block, MayBeCalledFromManyThreads) {
  for (const Backend backend : test::backends()) {
    auto net = seed_net();
    net.hybridize({.backend = backend});
    const Tensor x = random::normal({3, 9});
    auto reference = net.clone();
    reference.hybridize(false);
    const Tensor expected = reference(x);
    std::vector<std::thread> threads;
    std::atomic<int> different{0};
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) different += identical(net(x), expected) ? 0 : 1;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(different, 0);
    EXPECT_EQ(net.explain().compiles, 1U);
  }
}

TEST(Block, MayBeCapturedByAJittedFunction) {
  auto net = seed_net();
  const Tensor x = random::normal({1, 4});
  const Tensor expected = net(x) + 1;
  auto fast =
      jit([net](const Tensor& input) { return net(input) + 1; }, {.backend = Backend::graph});
  EXPECT_TRUE(identical(fast(x), expected));
  net.collect_params()["2.bias"].set_data(ones({2}));
  EXPECT_TRUE(identical(fast(x), net(x) + 1));
}

// Counts the runs of its body.
struct Counted : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(4));
  nn::Dense output = child("output", nn::Dense(2));
  std::shared_ptr<int> runs = std::make_shared<int>(0);
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    ++*runs;
    return output(F.relu(hidden(input)));
  }
};

TEST(Block, SummaryReadsWhatTheFirstCallNoted) {
  const HybridizeOptions exact{.backend = Backend::graph},
      dynamic{.backend = Backend::graph, .batch = Batch::dynamic};
  for (const HybridizeOptions* options : {(const HybridizeOptions*)nullptr, &exact, &dynamic}) {
    Counted net;
    net.initialize();
    if (options != nullptr) net.hybridize(*options);
    net(zeros({5, 3}));
    const int runs = *net.runs;
    for (int i = 0; i < 2; ++i) expect_mentions(net.summary(), {"[5, 4]", "[5, 2]"});
    net(zeros({6, 3}));
    EXPECT_EQ(net.summary().find("[6, 4]"), std::string::npos) << "those of the first call";
    EXPECT_LE(*net.runs, runs + 1);
    const int before = *net.runs;
    expect_mentions(net.summary(zeros({7, 3})), {"[7, 4]", "[7, 2]"});
    EXPECT_EQ(*net.runs, before + 1) << "for other inputs it runs once";
    expect_mentions(net.summary(), {"[5, 4]"});
  }
}

TEST(Block, SummaryOfATreeThatChangedIsOfTheTreeThereIs) {
  auto net = seed_net();
  net(zeros({5, 12}));
  net.add(nn::Dense(7));
  net.initialize(nn::Uniform(), {.only_missing = true});
  expect_mentions(net.summary(), {"[5, 16]", "[5, 7]"});
  net.replace(3, nn::Dense(3));
  net.initialize();
  const std::string summary = net.summary();
  expect_mentions(summary, {"[5, 16]", "[5, 3]"});
  EXPECT_EQ(summary.find("[5, 7]"), std::string::npos) << summary;
}

TEST(Block, SummaryShowsShapesParametersAndBytes) {
  auto net = seed_net();
  expect_mentions(net.summary(), {"0", "Dense(16, relu)", "?", "total"});
  const std::string summary = net.summary(zeros({3, 12}));
  expect_mentions(summary, {"[3, 16]", "[3, 8]", "[3, 2]", "208", "136", "18", "362", "1,448"});
  net(zeros({5, 12}));
  expect_mentions(net.summary(), {"[3, 2]"});
  HybridNet own;
  own.initialize();
  own.hybridize({.backend = Backend::graph});
  own(zeros({1, 3}));
  expect_mentions(own.summary(), {"HybridNet", "hidden", "output", "[1, 4]", "[1, 2]"});
}

TEST(Block, ExplainsAsTextAndJson) {
  auto net = seed_net();
  net.hybridize({.backend = Backend::graph});
  net(ones({1, 4}));
  net(ones({1, 4}));
  const Explanation explanation = net.explain();
  EXPECT_EQ(explanation.misses, 1U);
  EXPECT_EQ(explanation.hits, 1U);
  ASSERT_EQ(explanation.signatures.size(), 1U);
  expect_mentions(to_json(explanation), {"\"signatures\"", "0.weight"});
  expect_mentions(to_string(explanation), {"HybridSequential"});
}

TEST(Block, AnUndefinedResultIsAnErrorInEveryMode) {
  nn::HybridLambda none([](const Ops&, const Tensor&) { return Tensor(); });
  expect_mentions(error_of<UserError>([&] { none(ones({2})); }), {"not defined"});
  none.hybridize({.backend = Backend::graph});
  expect_mentions(error_of<UserError>([&] { none(ones({2})); }), {"not defined"});
}

TEST(Block, ErrorsAtRunTimeNameTheLayerInEveryMode) {
  nn::HybridSequential net;
  net.add(nn::Embedding(3, 2), nn::Dense(2));
  net.initialize();
  const Tensor bad = tensor({0, 7});
  expect_mentions(error_of<ValueError>([&] { net(bad); }), {"layer '0'", "gather"});
  for (const Backend backend : test::backends()) {
    net.hybridize({.backend = backend});
    net(tensor({0, 1}));
    expect_mentions(error_of<ValueError>([&] { net(bad); }), {"layer '0'", "gather"});
  }
}

// The bits are the same, so only the report tells.
TEST(Block, HybridizedAgainRunsWithTheOtherOptions) {
  auto net = seed_net();
  const Tensor x = random::normal({2, 4});
  const Tensor y = net(x);
  for (const bool on : {true, false, true}) {
    net.hybridize({.backend = Backend::graph, .passes = {.cse = on}});
    EXPECT_TRUE(identical(net(x), y));
    const Explanation report = net.explain();
    bool cse = false;
    for (const PassSummary& pass : report.signatures.at(0).passes) cse |= pass.name == "cse";
    EXPECT_EQ(cse, on);
  }
}

}  // namespace
}  // namespace mlpjit
