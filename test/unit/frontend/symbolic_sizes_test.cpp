// Sizes that are symbols, several of them: shapes that can be said, and those that cannot.

#include <gtest/gtest.h>

#include <functional>

#include "mlpjit/mlpjit.h"
#include "test/unit/frontend/expect_error.h"

namespace mlpjit {
namespace {

const Dim B = dim("B"), T = dim("T");

std::string shape_of_result(const std::function<Tensor(Tensor)>& function, Shape input) {
  return to_string(trace(function, f32(std::move(input))).outputs()[0].shape);
}

TEST(SymbolicSizes, ReshapeKnowsProductsOfSeveralSymbols) {
  const auto reshaped = [](const Shape& from, std::vector<Dim> to) {
    return shape_of_result([&](const Tensor& x) { return detail::reshape(x, to); }, from);
  };
  EXPECT_EQ(reshaped({B, T, 3}, {B, 3 * T}), "[B, 3*T]");
  EXPECT_EQ(reshaped({B, T, 3}, {-1, 3 * T}), "[B, 3*T]");
  EXPECT_EQ(reshaped({B, T, 3}, {B, -1}), "[B, 3*T]");
  EXPECT_EQ(reshaped({B, T, 3}, {T, -1, 1}), "[T, 3*B, 1]");
  EXPECT_EQ(reshaped({B, T, 3}, {B, T, -1}), "[B, T, 3]");
  EXPECT_EQ(reshaped({B, B, 6}, {2 * B, -1}), "[2*B, 3*B]");
  EXPECT_EQ(reshaped({2 * B + 2, T}, {T, B + 1, -1}), "[T, B+1, 2]");
  EXPECT_EQ(reshaped({B, 4}, {-1, 2}), "[2*B, 2]");
}

TEST(SymbolicSizes, WhatReshapeCannotSayIsAnErrorOfTheOp) {
  const auto fails = [](const Shape& from, std::vector<Dim> to) {
    return [from, to] {
      return trace([&](const Tensor& x) { return detail::reshape(x, to); }, f32(from));
    };
  };
  EXPECT_ERROR(ShapeError, fails({B, T, 3}, {-1, 3})(), "reshape", "B*T", "[B, T, 3]");
  EXPECT_ERROR(ShapeError, fails({B, T, 3}, {-1, 2})(), "reshape", "3*B*T", "[-1, 2]");
  EXPECT_ERROR(ShapeError, fails({B, T, 3}, {B, T})(), "reshape", "3*B*T", "B*T");
  EXPECT_ERROR(ShapeError, fails({B, B}, {-1})(), "reshape", "B*B", "[B, B]");
}

TEST(SymbolicSizes, FlattenOfSeveralSymbols) {
  nn::HybridSequential net;
  net.add(nn::Flatten());
  const auto flat = [&](const Tensor& x) { return net(x); };
  EXPECT_EQ(shape_of_result(flat, {B, T, 3}), "[B, 3*T]");
  EXPECT_ERROR(ShapeError, shape_of_result(flat, {B, T, dim("S"), 2}), "layer '0'", "Flatten",
               "2*S*T", "[B, T, S, 2]");
}

TEST(SymbolicSizes, FlattenedPairsGiveTheBitsOfEachSize) {
  const auto f = [](const Tensor& x) { return tanh(reshape(x, {x.shape()[0], 3 * x.shape()[1]})); };
  for (const Backend backend : {Backend::native, Backend::graph}) {
    const Executable run = compile(trace(f, f32({B, T, 3})), {.backend = backend});
    for (const std::int64_t batch : {0, 1, 4}) {
      for (const std::int64_t length : {1, 2, 5}) {
        const Tensor x = random::normal({batch, length, 3});
        EXPECT_TRUE(identical(run(x)[0], f(x)));
      }
    }
  }
}

TEST(SymbolicSizes, AConditionOfSeveralSymbolsIsAnErrorOfTheOp) {
  const auto f = [](const Tensor& x) {
    return cond(
        x > 0, [](const Tensor& y) { return y; }, [](const Tensor& y) { return -y; }, {x})[0];
  };
  EXPECT_ERROR(ShapeError, trace(f, f32({B, T})), "cond", "[B, T]", "one element");
}

}  // namespace
}  // namespace mlpjit
