// Blocks in blocks: children, containers, and graphs that go stale when the tree changes.

#include <gtest/gtest.h>

#include <sstream>

#include "test/unit/nn/blocks.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;
using test::expect_same_in_all_modes;
using test::HybridNet;
using test::Plain;
using test::seed_net;

TEST(Block, RefusesToCallABlockThatIsNotItsChild) {
  struct Forgot : nn::HybridBlock {
    nn::Dense dense{3};
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return dense(x); }
  };
  nn::HybridSequential net;
  net.add(Forgot());
  net.initialize();
  expect_mentions(error_of<UserError>([&] { net(ones({1, 2})); }),
                  {"layer '0'", "Dense", "child(\"name\""});
  net.hybridize({.backend = Backend::graph});
  EXPECT_THROW(net(ones({1, 2})), UserError);
}

TEST(Block, RefusesAPlainBlockInAHybridContainer) {
  nn::HybridSequential net;
  expect_mentions(error_of<UserError>([&] { net.add(nn::Dense(2), Plain()); }),
                  {"Plain", "Sequential", "HybridBlock"});
  EXPECT_EQ(net.size(), 0U);
  expect_mentions(error_of<UserError>([&] { net.add(nn::Sequential()); }), {"Sequential"});
  struct Holder : nn::HybridBlock {
    Plain plain = child("plain", Plain());
  };
  expect_mentions(error_of<UserError>([] { Holder holder; }), {"Plain", "HybridBlock"});
}

TEST(Block, CannotBeItsOwnChild) {
  nn::Sequential net, inner;
  EXPECT_THROW(net.add(net), UserError);
  inner.add(nn::Dense(1));
  net.add(inner);
  EXPECT_THROW(inner.add(net), UserError);
}

TEST(Sequential, CompilesItsHybridChildrenAndRunsThePlainOnes) {
  nn::Sequential net;
  net.add(nn::Dense(3), Plain(), HybridNet());
  net.initialize();
  const Tensor x = random::normal({2, 4});
  const Tensor y = net(x);
  net.hybridize({.backend = Backend::graph});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(identical(net(x), y));
  EXPECT_EQ(dynamic_cast<Plain&>(net[1]).calls, 4);
  EXPECT_EQ(dynamic_cast<HybridNet&>(net[2]).calls, 2);
  EXPECT_EQ(dynamic_cast<nn::HybridBlock&>(net[0]).explain().compiles, 1U);
}

TEST(Sequential, EmptyGivesItsInput) {
  nn::HybridSequential net;
  const Tensor x = random::normal({2, 4});
  EXPECT_TRUE(identical(net(x), x));
  expect_same_in_all_modes(net, {x});
}

TEST(Sequential, DropsStaleGraphsWhenBlocksAreAddedOrReplaced) {
  for (const Backend backend : test::backends()) {
    auto net = seed_net();
    const Tensor x = random::normal({2, 5});
    net.hybridize({.backend = backend});
    net(x);
    net.add(nn::Activation("tanh"));
    const Tensor added = net(x);
    EXPECT_EQ(net.explain().compiles, 2U);
    net.replace(3, nn::Activation("sigmoid"));
    const Tensor replaced = net(x);
    net.hybridize(false);
    EXPECT_TRUE(identical(net(x), replaced));
    EXPECT_FALSE(identical(added, replaced));
    EXPECT_THROW(net.replace(4, nn::Dense(1)), UserError);
    EXPECT_THROW(net[4], UserError);
  }
}

TEST(Sequential, SeesAChangeDeepInTheTree) {
  nn::HybridSequential inner, net;
  inner.add(nn::Dense(4));
  net.add(inner, nn::Dense(2));
  net.initialize();
  net.hybridize({.backend = Backend::graph});
  const Tensor x = random::normal({2, 5});
  const Tensor before = net(x);
  inner.add(nn::Activation("tanh"));
  const Tensor after = net(x);
  EXPECT_FALSE(identical(before, after));
  net.hybridize(false);
  EXPECT_TRUE(identical(net(x), after));
}

TEST(Block, UnrelatedNetworksKeepTheirGraphs) {
  auto net = seed_net();
  const Tensor x = random::normal({2, 5});
  net.hybridize({.backend = Backend::graph});
  net(x);
  auto other = seed_net();
  other(x);
  net(x);
  EXPECT_EQ(net.explain().compiles, 1U);
}

TEST(Block, ReplacesAChildOfTheSameName) {
  HybridNet net;
  net.initialize();
  const Tensor x = ones({1, 3});
  net.hybridize({.backend = Backend::graph});
  net(x);
  struct Access : HybridNet {
    using HybridNet::child;
  };
  Access user;
  user.initialize();
  user.hybridize({.backend = Backend::graph});
  EXPECT_EQ(user(x).shape(), (Shape{1, 2}));
  user.output = user.child("output", nn::Dense(7));
  user.initialize(nn::Uniform(), {.only_missing = true});
  EXPECT_EQ(user(x).shape(), (Shape{1, 7}));
  user.output = nn::Dense(7);
  EXPECT_THROW(user(x), UserError);
  EXPECT_THROW(user.child("a.b", nn::Dense(1)), UserError);
}

TEST(Block, PrintsItsTree) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.activation = "relu"}), HybridNet());
  std::ostringstream out;
  out << net;
  EXPECT_EQ(out.str(),
            "HybridSequential\n  0: Dense(2, relu)\n  1: HybridNet\n    hidden: Dense(4)\n    "
            "output: Dense(2)\n");
}

TEST(Block, NestedWithoutEndIsAnError) {
  nn::HybridSequential net;
  net.add(nn::Dense(2));
  for (int i = 0; i < 2500; ++i) {
    nn::HybridSequential outer;
    outer.add(net);
    net = outer;
  }
  net.initialize();
  expect_mentions(error_of<UserError>([&] { net(ones({1, 2})); }), {"2000 deep"});
}

}  // namespace
}  // namespace mlpjit
