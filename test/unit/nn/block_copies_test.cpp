// Copies of blocks share, clones do not.

#include <gtest/gtest.h>

#include <type_traits>

#include "test/unit/nn/blocks.h"

namespace mlpjit {
namespace {

using test::expect_same_in_all_modes;
using test::HybridNet;
using test::seed_net;

TEST(Block, CopiesShareAndClonesDoNot) {
  auto net = seed_net();
  const Tensor x = random::normal({1, 4});
  const Tensor before = net(x);
  nn::HybridSequential copy = net;
  nn::HybridSequential clone = net.clone();
  net.collect_params()["0.bias"].set_data(ones({16}));
  EXPECT_FALSE(identical(net(x), before));
  EXPECT_TRUE(identical(copy(x), net(x)));
  EXPECT_TRUE(identical(clone(x), before));
}

TEST(Block, CopiesOfAUsersBlockShareChildrenButNotWhatWasTraced) {
  HybridNet net;
  net.initialize();
  net.hybridize({.backend = Backend::graph});
  const Tensor x = ones({1, 3});
  const Tensor y = net(x);
  HybridNet copy = net;
  EXPECT_EQ(copy.explain().entries, 0U);
  EXPECT_TRUE(identical(copy(x), y));
  EXPECT_EQ(copy.calls, 2);
  net.collect_params()["output.bias"].set_data(ones({2}));
  EXPECT_TRUE(identical(copy(x), net(x)));
  EXPECT_FALSE(identical(copy(x), y));
}

TEST(Block, OutlivesTheObjectItWasCopiedFrom) {
  HybridNet copy;
  {
    HybridNet net;
    net.initialize();
    net.hybridize({.backend = Backend::graph});
    net(ones({1, 3}));
    copy = net;
  }
  EXPECT_EQ(copy(ones({1, 3})).shape(), (Shape{1, 2}));
  HybridNet moved = std::move(copy);
  EXPECT_EQ(moved(ones({1, 3})).shape(), (Shape{1, 2}));
  EXPECT_THROW(copy(ones({1, 3})), UserError);  // NOLINT: that is the point
}

TEST(Block, CloneOfAUsersBlockIsDeepAndOfItsOwnType) {
  HybridNet net;
  net.initialize();
  const Tensor x = random::normal({2, 3});
  const Tensor y = net(x);
  HybridNet clone = net.clone();
  auto other = nn::clone(net);
  net.collect_params()["hidden.weight"].set_data(zeros({4, 3}));
  EXPECT_FALSE(identical(net(x), y));
  EXPECT_TRUE(identical(clone(x), y));
  EXPECT_TRUE(identical(other(x), y));
  EXPECT_THROW(
      [&] {
        const nn::Block& base = net;
        nn::Dense wrong = base.clone();
      }(),
      UserError);
}

TEST(Block, CloneReachesBlocksInsideContainers) {
  nn::HybridSequential net;
  net.add(HybridNet(), nn::Dense(3));
  net.initialize();
  const Tensor x = random::normal({2, 5});
  const Tensor y = net(x);
  auto clone = net.clone();
  net.collect_params()["0.hidden.weight"].set_data(zeros({4, 5}));
  EXPECT_FALSE(identical(net(x), y));
  EXPECT_TRUE(identical(clone(x), y));
  expect_same_in_all_modes(clone, {x});
}

TEST(Block, CloneKeepsSharedPartsShared) {
  nn::Dense shared(4);
  nn::HybridSequential net;
  net.add(shared, nn::Activation("tanh"), shared);
  net.initialize();
  const Tensor x = random::normal({2, 4});
  expect_same_in_all_modes(net, {x});
  EXPECT_EQ(net.collect_params().size(), 2U);
  auto clone = net.clone();
  EXPECT_EQ(clone.collect_params().size(), 2U);
  EXPECT_TRUE(identical(clone(x), net(x)));
  clone.collect_params()["2.weight"].set_data(zeros({4, 4}));
  EXPECT_TRUE(identical(clone(x), zeros({2, 4})));
  EXPECT_FALSE(identical(net(x), clone(x)));
}

TEST(Block, IsNeverCopiedThroughABase) {
  static_assert(!std::is_copy_constructible_v<nn::Block>);
  static_assert(!std::is_copy_constructible_v<nn::HybridBlock>);
  static_assert(!std::is_constructible_v<nn::HybridBlock, const HybridNet&>);
  static_assert(!std::is_assignable_v<nn::Block&, const HybridNet&>);
  static_assert(std::is_copy_constructible_v<HybridNet>);
  static_assert(std::is_final_v<nn::Dense> && std::is_final_v<nn::HybridSequential>);
}

}  // namespace
}  // namespace mlpjit
