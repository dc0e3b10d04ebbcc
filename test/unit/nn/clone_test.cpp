// A clone is independent to the last parameter: whatever is written into the copy, the original
// gives what it gave, and the other way round, whether either was compiled before or after.

#include <gtest/gtest.h>

#include "test/unit/nn/blocks.h"

namespace mlpjit {
namespace {

// Layers of every kind that has parameters, one inside of another, one used twice, and values that
// belong to no layer.
struct Whole : nn::HybridBlock {
  nn::Embedding table = child("table", nn::Embedding(6, 5));
  nn::HybridSequential inner = child("inner", make_inner());
  nn::Dense tied = child("tied", nn::Dense(5, {.activation = "tanh"}));
  nn::LayerNorm norm = child("norm", nn::LayerNorm());
  nn::Dropout drop = child("drop", nn::Dropout(0.4));
  nn::Parameter own = parameter("own", {5}, {.initializer = nn::Constant(0.5)});

  static nn::HybridSequential make_inner() {
    nn::HybridSequential deeper, net;
    deeper.add(nn::Dense(4, {.use_bias = false}), nn::LayerNorm(), nn::BatchNorm());
    net.add(nn::BatchNorm({.momentum = 0.5}), deeper, nn::Dense(5), nn::Dropout(0.2));
    return net;
  }
  Tensor hybrid_forward(const Ops& F, const Tensor& rows) override {
    const Tensor x = inner(F.gather(table(rows), tensor({0, 1, 2, 3}), 0));
    return drop(norm(tied(F.relu(tied(x))))) * own.data();
  }
};

const Tensor& rows() {
  static const Tensor rows = tensor({4, 0, 5, 2});
  return rows;
}

Whole trained() {
  random::seed(12);
  Whole net;
  net.initialize(nn::Normal(0.6));
  net(rows());
  for (const auto& [path, parameter] : net.collect_params()) {
    nn::Parameter(parameter).set_data(random::uniform(parameter.shape(), 0.2, 1.4));
  }
  const TrainingScope training;
  net(rows());  // statistics of its own
  return net;
}

// What inference and training give, the statistics that training leaves behind included, without
// changing the network.
struct Seen {
  Tensors tensors;
};
template <class Net>
Seen look(const Net& net) {
  Seen seen;
  Tensors before;
  for (const auto& [path, parameter] : net.collect_params()) {
    before.push_back(parameter.data().copy());
    seen.tensors.push_back(before.back());
  }
  seen.tensors.push_back(net(rows()).copy());
  random::seed(5);
  {
    const TrainingScope training;
    seen.tensors.push_back(net(rows()).copy());
  }
  std::size_t i = 0;
  for (const auto& [path, parameter] : net.collect_params()) {
    seen.tensors.push_back(parameter.data().copy());
    nn::Parameter(parameter).set_data(before[i++]);
  }
  return seen;
}
bool same(const Seen& a, const Seen& b) {
  bool all = a.tensors.size() == b.tensors.size();
  for (std::size_t i = 0; all && i < a.tensors.size(); ++i)
    all = identical(a.tensors[i], b.tensors[i]);
  return all;
}

using Write = void (*)(nn::Parameter);
struct NamedWrite {
  const char* name;
  Write write;
};
const NamedWrite kWrites[] = {
    {"set_data", [](nn::Parameter p) { p.set_data(p.data() * 0.5 + 0.75); }},
    {"assign", [](nn::Parameter p) { p.data().assign(p.data() * 0.5 + 0.75); }},
    {"+=", [](nn::Parameter p) { p.data() += 0.75; }},
    {"slice", [](nn::Parameter p) { p.data().slice(0, 0, 1) += 0.75; }},
    {"mutable_data", [](nn::Parameter p) {
       Tensor w = p.data();
       for (float& x : w.mutable_data<float>()) x += 0.75f;
     }}};

// The ways of hybridizing the original and the copy, before or after cloning.
struct Modes {
  const char* name;
  bool before, original, copy;
};
constexpr Modes kModes[] = {{"imperative", false, false, false},
                            {"compiled before", true, true, true},
                            {"compiled afterwards", false, true, true},
                            {"only the copy compiled", false, false, true},
                            {"only the original compiled", false, true, false}};

template <class Net>
void hybridize(Net& net, bool on, Backend backend) {
  if (on) {
    net.hybridize({.backend = backend});
  } else {
    net.hybridize(false);
  }
}

TEST(Clone, EveryParameterOfTheCopyIsItsOwn) {
  for (const Backend backend : test::backends()) {
    for (const Modes& modes : kModes) {
      SCOPED_TRACE(std::string(to_string(backend)) + ", " + modes.name);
      Whole net = trained();
      if (modes.before) {
        net.hybridize({.backend = backend});
        look(net);
      }
      Whole copy = net.clone();
      hybridize(net, modes.original, backend);
      hybridize(copy, modes.copy, backend);
      const Seen first = look(net);
      ASSERT_TRUE(same(look(copy), first));
      const auto params = net.collect_params(), copied = copy.collect_params();
      ASSERT_EQ(params.size(), copied.size());
      ASSERT_EQ(params.size(), 19u);
      for (const auto& [path, parameter] : copied) {
        for (const auto& [name, write] : kWrites) {
          SCOPED_TRACE(path + " of the copy, " + name);
          write(parameter);
          const Seen now = look(copy);
          EXPECT_FALSE(same(now, first)) << "the copy does not see it";
          EXPECT_TRUE(same(look(net), first)) << "the original sees it";
          nn::Parameter(parameter).set_data(params[path].data());
          EXPECT_TRUE(same(look(copy), first));
        }
      }
      for (const auto& [path, parameter] : params) {
        SCOPED_TRACE(path + " of the original");
        nn::Parameter(parameter).set_data(parameter.data() * 0.5 + 0.75);
        EXPECT_TRUE(same(look(copy), first)) << "the copy sees it";
        EXPECT_FALSE(same(look(net), first)) << "the original does not";
        nn::Parameter(parameter).set_data(copied[path].data());
      }
    }
  }
}

// All at once, by a file.
TEST(Clone, LoadingIntoTheCopyLeavesTheOriginal) {
  const std::string file = testing::TempDir() + "mlpjit_clone.params";
  for (const Backend backend : test::backends()) {
    for (const bool compiled : {false, true}) {
      Whole net = trained();
      hybridize(net, compiled, backend);
      const Seen first = look(net);
      Whole copy = net.clone();
      hybridize(copy, compiled, backend);
      look(copy);
      Whole other = trained();
      other.initialize(nn::Uniform(0.1, 0.9));
      const Seen others = look(other);
      other.save_parameters(file);
      copy.load_parameters(file);
      EXPECT_TRUE(same(look(copy), others));
      EXPECT_TRUE(same(look(net), first));
      copy.initialize(nn::Ones());
      EXPECT_TRUE(same(look(net), first));
    }
  }
  std::remove(file.c_str());
}

// The layer that the original uses twice, the copy uses twice too: as one of its own.
TEST(Clone, WhatWasOneLayerIsOneLayerOfTheCopy) {
  Whole net = trained();
  Whole copy = net.clone(), again = copy.clone();
  copy.tied.collect_params()["weight"].set_data(zeros({5, 5}));
  EXPECT_TRUE(identical(copy.collect_params()["tied.weight"].data(), zeros({5, 5})));
  EXPECT_TRUE(same(look(net), look(again)));
  copy.own.set_data(zeros({5}));
  EXPECT_TRUE(identical(abs(copy(rows())), zeros({4, 5})));
  EXPECT_TRUE(same(look(net), look(again)));
}

// Parameters that two layers of a container share, here with sizes found at the first call.
TEST(Clone, TiedParametersOfContainersThatWereNeverCalled) {
  nn::Dense shared(4);
  nn::HybridSequential net;
  net.add(shared, nn::BatchNorm(), shared, nn::LayerNorm());
  net.initialize();
  auto copy = net.clone();
  const Tensor x = random::normal({3, 4});
  EXPECT_TRUE(identical(net(x), copy(x))) << "the draws depend on the path alone";
  EXPECT_EQ(copy.collect_params().size(), 8u);
  const Tensor y = net(x);
  for (const auto& [path, parameter] : copy.collect_params()) {
    nn::Parameter(parameter).set_data(parameter.data() + 0.5);
    EXPECT_FALSE(identical(copy(x), y)) << path;
    EXPECT_TRUE(identical(net(x), y)) << path;
    nn::Parameter(parameter).set_data(net.collect_params()[path].data());
  }
}

}  // namespace
}  // namespace mlpjit
