// Blocks that cannot be hybridized, trees that change, copies, shared parts, summaries. Peers:
// mxnet 10875, 14373, 18105; jax 3654 (cryptic errors of tracing and deferred initialisation).

#include "pains.h"

namespace mlpjit {
namespace {

class Blocks : public test::PainTest {
 protected:
  // The same bits before and after hybridizing, and imperative again afterwards.
  template <class Net>
  void same_hybridized(Net& net, const Tensor& x) const {
    const Tensor before = net(x);
    net.hybridize(options());
    EXPECT_TRUE(identical(net(x), before));
    EXPECT_TRUE(identical(net(x), before));
    net.hybridize(false);
    EXPECT_TRUE(identical(net(x), before));
  }
};

struct Plain : nn::Block {
  int* runs = nullptr;
  explicit Plain(int* counter) : runs(counter) {}
  Tensor forward(const Tensor& x) override {
    ++*runs;
    return x.item<float>() > 0 ? x * 2 : x;  // reads a value: imperative only
  }
};

TEST_P(Blocks, APlainBlockInAHybridContainerNamesItAndSequential) {
  int runs = 0;
  nn::HybridSequential net;
  EXPECT_ERROR(UserError, net.add(nn::Dense(2), Plain(&runs)), "Plain", "nn::Sequential",
               "HybridBlock");
  EXPECT_EQ(net.size(), 0u);
  net.add(nn::Identity());
  EXPECT_ERROR(UserError, net.replace(0, Plain(&runs)), "Plain", "nn::Sequential");
}

TEST_P(Blocks, APlainSequentialCompilesItsHybridChildrenAlsoThoseAddedLater) {
  int runs = 0;
  nn::Sequential net, inner;
  inner.add(nn::Dense(1, {.in_units = 1}));
  net.add(nn::Dense(1, {.in_units = 3}), Plain(&runs), inner);
  net.initialize(nn::Constant(0.5));
  const Tensor x = ones({1, 3});
  const Tensor before = net(x);
  net.hybridize(options());
  EXPECT_TRUE(identical(net(x), before));
  EXPECT_TRUE(identical(net(x), before));
  EXPECT_EQ(runs, 3);  // imperatively, at every call
  const auto compiles = [](nn::Block& block) {
    return dynamic_cast<nn::HybridBlock&>(block).explain().compiles;
  };
  EXPECT_EQ(compiles(net[0]), 1u);
  EXPECT_EQ(compiles(inner[0]), 1u);
  net.add(nn::Dense(2, {.in_units = 1}));
  net[3].initialize(nn::Constant(1));
  EXPECT_EQ(net(x).shape(), (Shape{1, 2}));
  EXPECT_EQ(compiles(net[3]), 1u);
  nn::HybridSequential late;
  late.add(nn::Identity());
  net.replace(1, late);
  net(x);
  EXPECT_EQ(compiles(net[1]), 1u);
  net.hybridize(false);
  net.add(nn::Identity());
  net(x);
  EXPECT_EQ(compiles(net[4]), 0u);
}

TEST_P(Blocks, ChildrenAddedOrReplacedDropTheStaleGraphs) {
  nn::HybridSequential net, inner;
  inner.add(nn::Dense(3, {.activation = "relu", .in_units = 2}));
  net.add(inner, nn::Dense(2, {.in_units = 3}));
  net.initialize();
  net.hybridize(options());
  const Tensor x = random::normal({2, 2});
  net(x);
  inner.add(nn::HybridLambda("tanh"));
  const auto imperative = [&] {
    auto copy = net.clone();
    nn::HybridSequential plain = copy;
    plain.hybridize(false);
    return plain(x);
  };
  EXPECT_TRUE(identical(net(x), imperative()));
  inner.replace(0, nn::Dense(3, {.in_units = 2}));
  inner.initialize(nn::Constant(0.25), {.only_missing = true});
  EXPECT_TRUE(identical(net(x), imperative()));
  EXPECT_EQ(net.explain().entries, 1u);  // the stale ones are gone
}

struct Scaled : nn::HybridBlock {
  float factor = 1;
  nn::Dense layer = child("layer", nn::Dense(2, {.in_units = 2}));
  Tensor hybrid_forward(const Ops&, const Tensor& x) override { return layer(x) * factor; }
};

TEST_P(Blocks, ACopyWithOtherMembersIsTracedByItself) {
  Scaled one;
  one.initialize();
  one.hybridize(options());
  const Tensor x = random::normal({1, 2});
  const Tensor y = one(x);
  Scaled two = one;
  two.factor = 2;
  EXPECT_TRUE(identical(two(x), y * 2));
  EXPECT_TRUE(identical(one(x), y));
  Scaled three;
  three = two;
  three.factor = 3;
  EXPECT_TRUE(identical(three(x), y * 3));
  EXPECT_TRUE(identical(two(x), y * 2));
  one.layer.collect_params()["bias"].set_data(ones({2}));  // shared by all copies
  EXPECT_FALSE(identical(three(x), y * 3));
}

TEST_P(Blocks, ABlockUsedTwiceAndTiedParameters) {
  struct Tied : nn::HybridBlock {
    nn::Dense shared = child("shared", nn::Dense(3, {.activation = "tanh"}));
    nn::Parameter table = parameter("table", {3, 3});
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
      const Tensor twice = shared(shared(x));
      return F.matmul(F.matmul(twice, table.data()), F.transpose(table.data()));
    }
  };
  Tied net;
  net.initialize();
  same_hybridized(net, random::normal({2, 3}));
  nn::Dense layer(3, {.in_units = 3});
  nn::HybridSequential list;
  list.add(layer, nn::HybridLambda("relu"), layer);
  list.initialize();
  same_hybridized(list, random::normal({2, 3}));
  EXPECT_EQ(list.collect_params().size(), 2u);
}

TEST_P(Blocks, SeveralInputsAndResultsDownTheTree) {
  struct Split : nn::HybridBlock {
    nn::Dense left = child("left", nn::Dense(2)), right = child("right", nn::Dense(3));
    Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
      return {left(in[0]), right(F.concat({in[0], in[1]}, 1)), in[1]};
    }
  };
  struct Outer : nn::HybridBlock {
    Split split = child("split", Split());
    Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
      const Tensors parts = split(in[0], in[1]);
      return {F.sum(parts[0]) + F.sum(parts[1]), parts[2], parts[2]};
    }
  };
  Outer net;
  net.initialize();
  const Tensor a = random::normal({2, 4}), b = random::normal({2, 5});
  const Tensors before = net(a, b);
  net.hybridize(options());
  for (int i = 0; i < 2; ++i) {
    const Tensors after = net(a, b);
    for (std::size_t j = 0; j < before.size(); ++j) EXPECT_TRUE(identical(after[j], before[j]));
  }
}

TEST_P(Blocks, ErrorsWhileTracingNameTheLayerAndLeaveTheBlockUsable) {
  struct Reads : nn::HybridBlock {
    bool reads = true;
    nn::Dense layer = child("layer", nn::Dense(2, {.in_units = 2}));
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
      const Tensor y = F.relu(layer(x));
      return reads && y.to_vector<float>()[0] > 0 ? y * 2 : y + 1;
    }
  };
  struct Net : nn::HybridBlock {
    Reads reader = child("reader", Reads());
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return reader(x); }
  };
  Net net;
  net.initialize(nn::Constant(1));
  const Tensor x = ones({1, 2});
  const Tensor before = net(x);
  net.hybridize(options());
  EXPECT_ERROR(TraceError, net(x), "layer 'reader'", "= relu", "to_vector", "where", "cond",
               "outside");
  net.hybridize(false);
  EXPECT_TRUE(identical(net(x), before));
  net.reader.reads = false;
  net.hybridize(options());
  EXPECT_TRUE(identical(net(x), full({1, 2}, 3.f)));

  nn::HybridSequential wrong;
  wrong.add(nn::Dense(4, {.in_units = 3}));
  wrong.initialize();
  wrong.hybridize(options());
  EXPECT_ERROR(ShapeError, wrong(ones({1, 5})), "layer '0'", "Dense", "3", "0.weight", "f32[1, 5]");
  EXPECT_EQ(wrong(ones({1, 3})).shape(), (Shape{1, 4}));

  nn::HybridSequential raw;
  raw.add(nn::Dense(4));
  raw.hybridize(options());
  EXPECT_ERROR(ParameterError, raw(ones({1, 5})), "layer '0'", "weight", "initialize()");
  raw.initialize();
  EXPECT_EQ(raw(ones({1, 5})).shape(), (Shape{1, 4}));
}

TEST_P(Blocks, ABatchNormTrainsAlikeAndASummaryDisturbsNothing) {
  const auto make = [] {
    nn::HybridSequential net;
    net.add(nn::Dense(4), nn::BatchNorm(), nn::Dropout(0.5), nn::Dense(2));
    random::seed(9);
    net.initialize();
    return net;
  };
  auto plain = make(), hybrid = make(), summarized = make();
  hybrid.hybridize(options());
  summarized.hybridize(options());
  const Tensor x = random::normal({8, 3});
  const random::State start = random::state();
  std::vector<Tensor> expected;
  const auto run = [&](nn::HybridSequential& net, bool summary) {
    random::set_state(start);
    Tensors seen;
    for (int step = 0; step < 4; ++step) {
      const TrainingScope training(step != 2);
      const random::State before = random::state();
      if (summary) {
        EXPECT_NE(net.summary().find("BatchNorm"), std::string::npos);
        EXPECT_NE(net.summary(x).find("[8, 2]"), std::string::npos);
      }
      EXPECT_EQ(random::state(), before);
      EXPECT_EQ(is_training(), step != 2);
      seen.push_back(net(x));
    }
    for (const auto& [path, parameter] : net.collect_params()) seen.push_back(parameter.data());
    return seen;
  };
  const Tensors want = run(plain, false);
  for (const Tensors& have : {run(hybrid, false), run(summarized, true)}) {
    ASSERT_EQ(have.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(identical(have[i], want[i])) << i;
  }
  EXPECT_EQ(summarized.explain().compiles, 2u);  // training and inference
}

// A layer that counts its calls in a tensor, which every call updates, in inference too.
TEST_P(Blocks, ASummaryUndoesWhatItsRunUpdates) {
  struct Counting : nn::HybridBlock {
    nn::Parameter calls = parameter("calls", {1}, {.initializer = nn::Zeros()});
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      Tensor count = calls.data();
      count += 1;
      return x + random::uniform(x.shape()) * 0;
    }
  };
  Counting net;
  net.initialize();
  net(ones({2}));
  const random::State before = random::state();
  EXPECT_NE(net.summary().find("[2]"), std::string::npos);
  EXPECT_EQ(net.calls.data().item<float>(), 1);
  EXPECT_EQ(random::state(), before);
}

MLPJIT_PAINS_IN_ALL_MODES(Blocks);

}  // namespace
}  // namespace mlpjit
