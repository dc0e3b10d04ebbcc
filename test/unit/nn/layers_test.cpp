#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "test/unit/nn/modes.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;
using test::expect_same_in_all_modes;

template <class Layer>
nn::HybridSequential net_with(Layer layer) {
  nn::HybridSequential net;
  net.add(std::move(layer));
  net.initialize();
  return net;
}

TEST(Dense, IsTheDenseOpWithBiasAndActivation) {
  const Tensor x = random::normal({2, 3, 5});
  auto net = net_with(nn::Dense(4, {.activation = "tanh"}));
  const Tensor y = net(x);
  const auto params = net.collect_params();
  EXPECT_TRUE(identical(y, tanh(dense(x, params["0.weight"].data(), params["0.bias"].data()))));
  expect_same_in_all_modes(net, {x});
  expect_same_in_all_modes(net, {random::normal({5})});
  auto bare = net_with(nn::Dense(4, {.use_bias = false, .in_units = 5}));
  EXPECT_EQ(bare.collect_params().size(), 1U);
  EXPECT_TRUE(bare.collect_params()["0.weight"].is_initialized());
  expect_same_in_all_modes(bare, {x});
}

TEST(Dense, FlattensOnRequest) {
  auto net = net_with(nn::Dense(4, {.flatten = true}));
  EXPECT_EQ(net(random::normal({2, 3, 5})).shape(), (Shape{2, 4}));
  expect_same_in_all_modes(net, {random::normal({2, 3, 5})});
}

TEST(Dense, WorksInF64) {
  auto net = net_with(nn::Dense(4, {.activation = "gelu", .dtype = DType::f64}));
  expect_same_in_all_modes(net, {random::normal({3, 5}, 0, 1, DType::f64)});
  EXPECT_EQ(net.collect_params()["0.bias"].dtype(), DType::f64);
}

TEST(Dense, RefusesWhatDoesNotFit) {
  auto net = net_with(nn::Dense(4, {.in_units = 5}));
  expect_mentions(error_of<ShapeError>([&] { net(ones({2, 6})); }),
                  {"layer '0'", "5", "f32[2, 6]"});
  expect_mentions(error_of<ShapeError>([&] { net(1.0); }), {"Dense"});
  EXPECT_THROW(nn::Dense(0), ShapeError);
  EXPECT_THROW(nn::Dense(-3), ShapeError);
  EXPECT_THROW(nn::Dense(2, {.in_units = -1}), ShapeError);
}

TEST(Activation, KnowsItsNamesAndListsThem) {
  const Tensor x = random::normal({4, 7});
  const std::vector<std::string> names = nn::activation_names();
  for (const char* name : {"relu", "softrelu", "swish", "softsign", "softmax", "linear"})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    auto net = net_with(nn::Activation(name));
    expect_same_in_all_modes(net, {x});
    auto lambda = net_with(nn::HybridLambda(name));
    EXPECT_TRUE(identical(net(x), lambda(x)));
  }
  EXPECT_TRUE(identical(nn::Activation("softrelu")(x), softplus(x)));
  EXPECT_TRUE(identical(nn::Activation("leaky_relu", {.alpha = 0.3})(x), leaky_relu(x, 0.3)));
  EXPECT_TRUE(identical(nn::Activation("leaky_relu")(x), leaky_relu(x)));
  EXPECT_TRUE(identical(nn::Activation("elu")(x), elu(x)));
  EXPECT_TRUE(identical(nn::Activation("hardtanh")(x), hardtanh(x)));
  EXPECT_TRUE(identical(nn::Activation("softmax")(x), softmax(x)));
  EXPECT_TRUE(identical(nn::Activation("gelu_tanh")(x), gelu(x, {.approximate = true})));
  // Every function of one float tensor in the op table is one, without a list of its own.
  EXPECT_TRUE(identical(nn::Activation("sin")(x), sin(x)));
  EXPECT_TRUE(identical(nn::Activation("negative")(x), -x));
  for (const char* name : {"dense", "sum", "cast", "logical_not", "transpose", "constant"})
    EXPECT_THROW(nn::Activation activation(name), UserError) << name;
  expect_mentions(error_of<UserError>([] { nn::Activation("rleu"); }),
                  {"rleu", "relu", "gelu_tanh"});
  expect_mentions(error_of<UserError>([] { nn::Activation("rulu"); }),
                  {"'rulu'", "did you mean 'relu'?"});
  expect_mentions(error_of<UserError>([] { nn::HybridLambda("Tanh"); }), {"did you mean 'tanh'?"});
  expect_mentions(error_of<UserError>([] { nn::Dense(2, {.activation = "rleu"}); }),
                  {"rleu", "relu"});
  expect_mentions(error_of<UserError>([] { nn::Activation("relu", {.alpha = 1}); }),
                  {"'relu' has no alpha; leaky_relu, elu", " do"});
  EXPECT_THROW(nn::Activation("softsign", {.alpha = 1}), UserError);
}

TEST(Dropout, DropsAndScalesWhileTrainingOnly) {
  auto net = net_with(nn::Dropout(0.25));
  const Tensor x = ones({100, 100});
  EXPECT_TRUE(identical(net(x), x));
  const TrainingScope training;
  random::seed(5);
  const auto values = net(x).to_vector<float>();
  std::size_t kept = 0;
  for (const float value : values) {
    EXPECT_TRUE(value == 0 || value == static_cast<float>(1 / 0.75));
    kept += value != 0 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(kept), 7500, 200);
  EXPECT_THROW(nn::Dropout(1.0), ValueError);
  EXPECT_THROW(nn::Dropout(-0.1), ValueError);
}

TEST(Dropout, GivesTheStreamOfTheImperativeRunInAllModes) {
  auto net = net_with(nn::Dropout(0.5));
  const Tensor x = random::normal({8, 9});
  const TrainingScope training;
  random::seed(7);
  const Tensors imperative{net(x), net(x)};
  const Tensor after = random::uniform({3});
  EXPECT_FALSE(identical(imperative[0], imperative[1]));
  for (const Backend backend : test::backends()) {
    net.hybridize({.backend = backend});
    random::seed(7);
    EXPECT_TRUE(identical(net(x), imperative[0]));
    EXPECT_TRUE(identical(net(x), imperative[1]));
    EXPECT_TRUE(identical(random::uniform({3}), after));
    const TrainingScope inference(false);
    EXPECT_TRUE(identical(net(x), x));
  }
}

TEST(LayerNorm, NormalisesTheLastAxis) {
  auto net = net_with(nn::LayerNorm({.epsilon = 1e-3}));
  const Tensor x = random::normal({4, 6});
  EXPECT_TRUE(identical(net(x), layer_norm(x, ones({6}), zeros({6}), 1e-3)));
  net.collect_params()["0.gamma"].set_data(random::normal({6}));
  net.collect_params()["0.beta"].set_data(random::normal({6}));
  expect_same_in_all_modes(net, {x});
  expect_mentions(error_of<ShapeError>([&] { net(ones({4, 7})); }), {"LayerNorm", "6"});
}

TEST(BatchNorm, UsesRunningStatisticsAndUpdatesThemWhileTraining) {
  auto net = net_with(nn::BatchNorm({.momentum = 0.5, .epsilon = 0}));
  const Tensor x = tensor({{1.f, 10.f}, {3.f, 30.f}});
  EXPECT_TRUE(identical(net(x), x));
  const TrainingScope training;
  EXPECT_TRUE(identical(net(x), tensor({{-1.f, -1.f}, {1.f, 1.f}})));
  const auto params = net.collect_params();
  EXPECT_TRUE(identical(params["0.running_mean"].data(), tensor({1.f, 10.f})));
  EXPECT_TRUE(identical(params["0.running_var"].data(), tensor({1.f, 50.5f})));
}

TEST(BatchNorm, UpdatesIdenticallyInAllModes) {
  for (const int axis : {1, -1}) {
    auto net = net_with(nn::BatchNorm({.axis = axis}));
    const Tensor x = random::normal({6, 4, 3}, 2, 3);
    net(x);
    for (const Backend backend : test::backends()) {
      auto compiled = net.clone(), imperative = net.clone();
      compiled.hybridize({.backend = backend});
      {
        const TrainingScope training;
        for (int i = 0; i < 3; ++i) EXPECT_TRUE(identical(compiled(x), imperative(x)));
      }
      EXPECT_TRUE(identical(compiled(x), imperative(x)));
      for (const auto& [path, parameter] : imperative.collect_params()) {
        EXPECT_TRUE(identical(compiled.collect_params()[path].data(), parameter.data())) << path;
      }
      EXPECT_FALSE(identical(compiled(x), net(x)));
    }
  }
}

// Of no elements there is no mean: it is NaN, and the running one would be for ever.
TEST(BatchNorm, LearnsNothingFromABatchWithoutElements) {
  struct Case {
    int axis;
    Shape full, empty;
  };
  const std::vector<Case> cases = {{1, {6, 4}, {0, 4}},
                                   {-1, {6, 4}, {0, 4}},
                                   {1, {6, 4, 3}, {0, 4, 3}},
                                   {1, {6, 4, 3}, {6, 4, 0}},
                                   {-1, {6, 2, 4}, {0, 2, 4}}};
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Case& c : cases) {
      SCOPED_TRACE(to_string(c.empty) + " axis " + std::to_string(c.axis));
      auto net = net_with(nn::BatchNorm({.axis = c.axis, .dtype = dtype}));
      const Tensor full = random::normal(c.full, 2, 3, dtype), empty = zeros(c.empty, dtype);
      std::vector<HybridizeOptions> options;
      for (const Backend backend : test::backends()) {
        options.push_back({.backend = backend});
        options.push_back({.backend = backend, .batch = Batch::dynamic});
      }
      const TrainingScope training;
      net(full);  // something to keep
      const auto statistics = [](const nn::HybridSequential& of) {
        const auto params = of.collect_params();
        return Tensors{params["0.running_mean"].data().copy(),
                       params["0.running_var"].data().copy()};
      };
      const auto expect_kept = [&](const nn::HybridSequential& own, const Tensors& before) {
        EXPECT_TRUE(identical(own(empty), empty));
        const Tensors after = statistics(own);
        EXPECT_TRUE(identical(after[0], before[0])) << after[0];
        EXPECT_TRUE(identical(after[1], before[1])) << after[1];
      };
      auto imperative = net.clone();
      expect_kept(imperative, statistics(net));
      const Tensor y = imperative(full);  // goes on from there
      const Tensors learned = statistics(imperative);
      EXPECT_FALSE(identical(learned[0], statistics(net)[0]));
      for (const HybridizeOptions& mode : options) {
        SCOPED_TRACE(std::string(to_string(mode.backend)) +
                     (mode.batch == Batch::dynamic ? ", any batch" : ""));
        for (const bool empty_first : {true, false}) {
          auto compiled = net.clone();
          compiled.hybridize(mode);
          if (empty_first) expect_kept(compiled, statistics(net));
          EXPECT_TRUE(identical(compiled(full), y));
          EXPECT_TRUE(identical(statistics(compiled)[0], learned[0]));
          EXPECT_TRUE(identical(statistics(compiled)[1], learned[1]));
          expect_kept(compiled, learned);
        }
      }
    }
  }
}

TEST(Embedding, GivesRowsAndRefusesWrongIndicesInAllModes) {
  auto net = net_with(nn::Embedding(5, 3));
  const Tensor rows = tensor({{0, 4}, {-1, 2}});
  EXPECT_EQ(net(rows).shape(), (Shape{2, 2, 3}));
  expect_same_in_all_modes(net, {rows});
  EXPECT_THROW(net(tensor({5})), ValueError);
  for (const Backend backend : test::backends()) {
    net.hybridize({.backend = backend});
    EXPECT_THROW(net(tensor({5})), ValueError);
    EXPECT_EQ(net(tensor({3})).shape(), (Shape{1, 3}));
  }
  EXPECT_THROW(net(ones({2})), DTypeError);
}

TEST(Normalize, TakesNumbersAndTensors) {
  const Tensor x = random::uniform({3, 4}, 0, 16);
  auto scalar = net_with(nn::Normalize(0, 16));
  EXPECT_TRUE(identical(scalar(x), x / 16));
  expect_same_in_all_modes(scalar, {x});
  auto columns = net_with(nn::Normalize(tensor({1.f, 2.f, 3.f, 4.f}), full({4}, 2.0)));
  EXPECT_TRUE(identical(columns(x), (x - tensor({1.f, 2.f, 3.f, 4.f})) / 2));
  expect_same_in_all_modes(columns, {x});
  EXPECT_TRUE(columns.collect_params().empty());
}

TEST(Flatten, KeepsTheBatch) {
  auto net = net_with(nn::Flatten());
  EXPECT_EQ(net(ones({2, 3, 4})).shape(), (Shape{2, 12}));
  EXPECT_EQ(net(ones({0, 3, 4})).shape(), (Shape{0, 12}));
  EXPECT_EQ(net(ones({5})).shape(), (Shape{5, 1}));
  expect_same_in_all_modes(net, {random::normal({2, 3, 4})});
  EXPECT_THROW(net(1), ShapeError);
}

TEST(Identity, GivesItsInput) {
  auto net = net_with(nn::Identity());
  const Tensor x = random::normal({2, 3});
  EXPECT_TRUE(identical(net(x), x));
  expect_same_in_all_modes(net, {x});
}

TEST(HybridLambda, TakesFunctionsOfManyForms) {
  const Tensor x = random::normal({2, 3});
  auto with_ops =
      net_with(nn::HybridLambda([](const Ops& F, const Tensor& v) { return F.exp(v) + 1; }));
  auto generic = net_with(nn::HybridLambda([](auto& F, auto v) { return F.exp(v) + 1; }));
  auto plain = net_with(nn::HybridLambda([](const Tensor& v) { return exp(v) + 1; }));
  EXPECT_TRUE(identical(with_ops(x), exp(x) + 1));
  EXPECT_TRUE(identical(generic(x), exp(x) + 1));
  EXPECT_TRUE(identical(plain(x), exp(x) + 1));
  expect_same_in_all_modes(with_ops, {x});
  EXPECT_THROW(plain(x, x), UserError);
}

TEST(Layers, WorkInANetworkOfAllOfThemAtOnce) {
  nn::HybridSequential net;
  net.add(nn::Embedding(20, 6), nn::Flatten(), nn::Normalize(0.1, 2),
          nn::Dense(12, {.activation = "silu"}), nn::LayerNorm(), nn::Dropout(0.2), nn::Dense(8),
          nn::BatchNorm(), nn::Activation("elu"), nn::Identity(), nn::HybridLambda("softplus"),
          nn::Dense(3, {.activation = "log_softmax"}));
  net.initialize(nn::Xavier());
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {19, 0, -1}});
  expect_same_in_all_modes(net, {x});
  auto other = net.clone();
  const TrainingScope training;
  for (const Backend backend : test::backends()) {
    other.hybridize({.backend = backend});
    random::seed(1);
    const Tensor compiled = other(x);
    random::seed(1);
    EXPECT_TRUE(identical(net(x), compiled));
  }
}

TEST(Layers, GiveOneRowOfABatchAsTheRowAlone) {
  nn::HybridSequential net;
  net.add(nn::Dense(33, {.activation = "gelu"}), nn::LayerNorm(), nn::Dense(1));
  net.initialize();
  const Tensor x = random::normal({7, 65});
  for (const Batch batch : {Batch::exact, Batch::dynamic}) {
    net.hybridize({.backend = Backend::graph, .batch = batch});
    const Tensor whole = net(x);
    for (int row = 0; row < 7; ++row) {
      EXPECT_TRUE(identical(net(x.slice(0, row, row + 1)), whole.slice(0, row, row + 1)));
    }
  }
}

}  // namespace
}  // namespace mlpjit
