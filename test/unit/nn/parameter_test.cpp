#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <thread>

#include "test/unit/frontend/expect_error.h"
#include "test/unit/nn/modes.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;

nn::HybridSequential net_of(std::initializer_list<int> sizes) {
  nn::HybridSequential net;
  for (const int size : sizes) net.add(nn::Dense(size));
  return net;
}

// A number that the dtype cannot hold is no value, whether there were values before or not.
TEST(Parameters, OfIntegersRefuseNumbersThatDoNotFit) {
  struct Counting : nn::HybridBlock {
    nn::Parameter count = parameter("count", {}, {.dtype = DType::i32});
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return x + count.data(); }
  };
  Counting net;
  nn::Parameter count = net.collect_params()["count"];
  EXPECT_ERROR(ValueError, count.set_data(3'000'000'000), "3000000000", "i32", "cast");
  EXPECT_FALSE(count.is_initialized());
  count.set_data(7);
  EXPECT_ERROR(ValueError, count.set_data(3'000'000'000), "3000000000", "i32", "cast");
  EXPECT_EQ(count.data().item<int>(), 7);
}

TEST(Parameters, AreFoundByPathInOrder) {
  auto net = net_of({3, 2});
  net.initialize();
  net(ones({1, 4}));
  std::vector<std::string> paths;
  for (auto& [path, p] : net.collect_params()) {
    paths.push_back(path);
    EXPECT_EQ(p.path(), path);
  }
  EXPECT_EQ(paths, (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias"}));
  EXPECT_EQ(net.collect_params()["0.weight"].shape(), (Shape{3, 4}));
  EXPECT_EQ(net.collect_params()["1.bias"].dtype(), DType::f32);
  std::ostringstream out;
  out << net.collect_params()["0.weight"] << "\n" << net.collect_params();
  expect_mentions(out.str(), {"0.weight f32[3, 4]", "1.bias f32[2]\n"});
}

TEST(Parameters, RefuseAnUnknownPathAndListTheKnownOnes) {
  auto net = net_of({3});
  expect_mentions(error_of<ParameterError>([&] { net.collect_params()["0.wieght"]; }),
                  {"0.wieght", "0.weight", "0.bias"});
}

TEST(Parameters, UsedBeforeInitializeNameThePathAndTheWayOut) {
  auto net = net_of({3});
  expect_mentions(error_of<ParameterError>([&] { net(ones({1, 4})); }),
                  {"layer '0'", "weight", "initialize()"});
  expect_mentions(error_of<ParameterError>([&] { net.collect_params()["0.weight"].data(); }),
                  {"first call"});
  expect_mentions(error_of<ParameterError>([&] { net.collect_params()["0.weight"].shape(); }),
                  {"[3, ?]"});
  net.hybridize({.backend = Backend::graph});
  EXPECT_THROW(net(ones({1, 4})), ParameterError);
  net.initialize();
  EXPECT_EQ(net(ones({1, 4})).shape(), (Shape{1, 3}));
}

TEST(Parameters, SetDataCopiesAndChecks) {
  auto net = net_of({2});
  net.initialize();
  net(ones({1, 3}));
  nn::Parameter bias = net.collect_params()["0.bias"];
  Tensor values = ones({2});
  bias.set_data(values);
  values.mutable_data<float>()[0] = 7;
  EXPECT_TRUE(identical(bias.data(), ones({2})));
  expect_mentions(error_of<ShapeError>([&] { bias.set_data(ones({3})); }),
                  {"0.bias", "f32[2]", "[3]"});
  expect_mentions(error_of<DTypeError>([&] { bias.set_data(ones({2}, DType::f64)); }),
                  {"f32[2]", "f64", "cast"});
  EXPECT_THROW(bias.set_data(Tensor()), ParameterError);
}

TEST(Parameters, SetDataGivesValuesAndSizesBeforeTheFirstCall) {
  auto net = net_of({2});
  net.collect_params()["0.weight"].set_data(ones({2, 3}));
  net.collect_params()["0.bias"].set_data(zeros({2}));
  EXPECT_TRUE(identical(net(ones({1, 3})), full({1, 2}, 3.0)));
  EXPECT_THROW(net_of({2}).collect_params()["0.weight"].set_data(ones({3, 3})), ShapeError);
}

TEST(Parameters, CannotBeSetWhileTracing) {
  struct Sets : nn::HybridBlock {
    nn::Parameter p = parameter("p", {2}, {.initializer = nn::Zeros()});
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      p.set_data(ones({2}));
      return x + p.data();
    }
  };
  Sets net;
  net.initialize();
  EXPECT_TRUE(identical(net(zeros({2})), ones({2})));
  net.hybridize({.backend = Backend::graph});
  expect_mentions(error_of<TraceError>([&] { net(zeros({2})); }), {"'p'", "assign"});
}

TEST(Parameters, OfAUsersBlockAreUsedAndUpdatedInAllModes) {
  struct Counts : nn::HybridBlock {
    nn::Parameter count = parameter("count", {}, {.dtype = DType::i64, .initializer = nn::Zeros()});
    nn::Parameter scale = parameter("scale", {nn::kUnknown}, {.initializer = nn::Constant(2)});
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      count.data().assign(count.data() + 1);
      return x * scale.data({x.shape()[-1]});
    }
  };
  Counts net;
  net.initialize();
  EXPECT_TRUE(identical(net(ones({2, 3})), full({2, 3}, 2.0)));
  std::int64_t expected = 1;
  for (const Backend backend : test::backends()) {
    net.hybridize({.backend = backend});
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(identical(net(ones({2, 3})), full({2, 3}, 2.0)));
      EXPECT_EQ(net.collect_params()["count"].data().item<int>(), ++expected);
    }
  }
}

TEST(Initializers, DependOnSeedAndPathOnly) {
  random::seed(3);
  auto a = net_of({4, 3}), b = net_of({4, 3});
  a.initialize();
  random::uniform({100});
  b.initialize();
  const Tensor x = ones({1, 5});
  EXPECT_TRUE(identical(a(x), b(x)));
  const Tensor before = random::uniform({2});
  random::seed(3);
  random::uniform({100});
  EXPECT_TRUE(identical(random::uniform({2}), before))
      << "initializers do not draw from the stream";
  random::seed(4);
  b.initialize();
  EXPECT_FALSE(identical(a(x), b(x)));
  const auto params = a.collect_params();
  EXPECT_NE(params["0.weight"].data().to_vector<float>()[0],
            params["1.weight"].data().to_vector<float>()[0]);
}

TEST(Initializers, StartAgainWhenCalledAgainAndKeepWhatIsThereOnRequest) {
  auto net = net_of({4});
  net.initialize();
  const Tensor x = ones({1, 5});
  net(x);
  net.initialize(nn::Zeros(), {.only_missing = true});
  EXPECT_FALSE(identical(net(x), zeros({1, 4})));
  net.initialize(nn::Zeros());
  EXPECT_TRUE(identical(net(x), zeros({1, 4})));
}

struct Moments {
  double mean = 0, deviation = 0, lowest = 0, highest = 0;
};
Moments moments_of(const Tensor& tensor) {
  const auto values = cast(tensor, DType::f64).to_vector<double>();
  Moments m;
  for (const double v : values) m.mean += v / static_cast<double>(values.size());
  for (const double v : values)
    m.deviation += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
  m.deviation = std::sqrt(m.deviation);
  m.lowest = *std::min_element(values.begin(), values.end());
  m.highest = *std::max_element(values.begin(), values.end());
  return m;
}

TEST(Initializers, HaveTheirDistributions) {
  const auto draw = [](const nn::Initializer& initializer, DType dtype) {
    return moments_of(initializer.make({11, "w", Shape{300, 100}, dtype}));
  };
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Moments uniform = draw(nn::Uniform(), dtype);
    EXPECT_NEAR(uniform.mean, 0, 0.002);
    EXPECT_NEAR(uniform.deviation, 0.07 / std::sqrt(3), 0.001);
    EXPECT_GE(uniform.lowest, -0.0701);
    EXPECT_LE(uniform.highest, 0.0701);
    EXPECT_NEAR(draw(nn::Normal(0.5), dtype).deviation, 0.5, 0.01);
    EXPECT_NEAR(draw(nn::Xavier(), dtype).deviation, std::sqrt(2.0 / 400), 0.002);
    EXPECT_LE(draw(nn::Xavier(), dtype).highest, std::sqrt(6.0 / 400) + 1e-6);
    EXPECT_NEAR(draw(nn::Xavier(nn::Draws::normal), dtype).deviation, std::sqrt(2.0 / 400), 0.002);
    EXPECT_NEAR(draw(nn::Kaiming(), dtype).deviation, std::sqrt(2.0 / 100), 0.003);
    EXPECT_EQ(draw(nn::Constant(3), dtype).lowest, 3);
    EXPECT_EQ(draw(nn::Zeros(), dtype).highest, 0);
  }
  EXPECT_THROW(nn::Uniform().make({0, "w", Shape{2}, DType::i64}), DTypeError);
  EXPECT_EQ(nn::Kaiming().make({0, "w", Shape{0, 0}, DType::f32}).size(), 0);
}

TEST(Initializers, MayBeAFunctionOfTheUsers) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.weight_initializer = [](const Shape& shape, DType dtype) {
                      return ones(shape, dtype);
                    }}));
  net.initialize();
  EXPECT_TRUE(identical(net(ones({1, 3})), full({1, 2}, 3.0)));
  nn::HybridSequential wrong;
  wrong.add(nn::Dense(2, {.weight_initializer = [](const Shape&, DType) { return ones({1}); }}));
  wrong.initialize();
  expect_mentions(error_of<ShapeError>([&] { wrong(ones({1, 3})); }), {"0.weight", "[2, 3]"});
}

TEST(Parameters, AreMadeOnceByManyFirstCalls) {
  for (int round = 0; round < 5; ++round) {
    auto net = net_of({8, 4});
    net.initialize();
    std::vector<Tensor> results(6);
    std::vector<std::thread> threads;
    for (Tensor& result : results) threads.emplace_back([&] { result = net(ones({2, 3})); });
    for (std::thread& thread : threads) thread.join();
    for (const Tensor& result : results) EXPECT_TRUE(identical(result, results[0]));
  }
}

TEST(Parameters, AnInitializerThatFailsLeavesTheShapeOpen) {
  bool fail = true;
  nn::Dense layer(2, {.use_bias = false});
  layer.initialize([&](const Shape& shape, DType dtype) {
    if (fail) throw std::runtime_error("no values yet");
    return ones(shape, dtype);
  });
  EXPECT_THROW(layer(ones({1, 3})), std::runtime_error);
  std::ostringstream text;
  text << layer.collect_params();
  EXPECT_EQ(text.str(), "weight f32[2, ?]\n");
  fail = false;
  EXPECT_TRUE(identical(layer(ones({1, 5})), full({1, 2}, 5.f)));
}

TEST(Parameters, ValuesThatAreSetOrAskedForAnewWhileTheFirstAreMadeStay) {
  for (const bool set : {true, false}) {
    nn::Dense layer(2, {.use_bias = false});
    bool first = true;
    layer.initialize([&](const Shape& shape, DType dtype) {
      if (std::exchange(first, false)) {
        if (set) {
          layer.collect_params()["weight"].set_data(full(shape, 2.f));
        } else {
          layer.initialize(nn::Constant(2));
        }
      }
      return ones(shape, dtype);
    });
    EXPECT_TRUE(identical(layer(ones({1, 3})), full({1, 2}, 6.f))) << set;
  }
}

TEST(Parameters, AnInitializerMayReadWhatItReplaces) {
  nn::Dense layer(1, {.use_bias = false, .in_units = 2});
  const nn::Parameter weight = layer.collect_params()["weight"];
  expect_mentions(error_of<ParameterError>([&] {
                    layer.initialize([&](const Shape&, DType) { return weight.data(); });
                  }),
                  {"weight", "no values yet"});
  layer.initialize(nn::Constant(3));
  layer.initialize([&](const Shape&, DType) { return weight.data() + 1; });
  EXPECT_TRUE(identical(weight.data(), full({1, 2}, 4.f)));
}

TEST(LoadParameters, TakesASharedParameterUnderAnyOfItsPaths) {
  nn::Dense shared(4);
  nn::HybridSequential net;
  net.add(shared, nn::Activation("tanh"), shared);
  net.initialize();
  net(ones({1, 4}));
  const TensorMap second = {{"2.weight", ones({4, 4})}, {"2.bias", zeros({4})}};
  const std::string path = testing::TempDir() + "shared.safetensors";
  save_safetensors(path, second);
  const nn::LoadReport report = net.load_parameters(path);
  EXPECT_EQ(report.loaded, (std::vector<std::string>{"0.weight", "0.bias"}));
  EXPECT_TRUE(identical(net.collect_params()["2.weight"].data(), ones({4, 4})));

  TensorMap both = second;
  both["0.weight"] = ones({4, 4});
  save_safetensors(path, both);
  net.load_parameters(path);
  both["0.weight"] = zeros({4, 4});
  save_safetensors(path, both);
  expect_mentions(error_of<ParameterError>([&] { net.load_parameters(path); }),
                  {"two names", "0.weight", "different values"});
}

}  // namespace
}  // namespace mlpjit
