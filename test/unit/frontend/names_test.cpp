// Functions of a user's own named after every op, <cmath>, and using namespace, all at once.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "mlpjit/mlpjit.h"

using namespace mlpjit;
using namespace std;

// A user's functions of the names of the op table.
#define MLPJIT_SURFACE_unary(name) \
  Tensor name(Tensor x) {          \
    return x + 1;                  \
  }
#define MLPJIT_SURFACE_binary(name) \
  Tensor name(Tensor a, Tensor b) { \
    return a + b + 1;               \
  }
#define MLPJIT_SURFACE_custom(name)
#define MLPJIT_SURFACE_internal(name)
#define MLPJIT_OP(name, surface, ...) MLPJIT_SURFACE_##surface(name)
namespace users {
#include "mlpjit/detail/ops.def"

Tensor add(Tensor a, Tensor b) {
  return a + b + 1;
}
Tensor subtract(const Tensor& a, const Tensor& b) {
  return a - b + 1;
}
Tensor where(Tensor c, Tensor a, Tensor b) {
  return c + a + b;
}
Tensor clip(Tensor x, Tensor, Tensor) {
  return x + 1;
}
Tensor gelu(Tensor x) {
  return x + 1;
}
Tensor leaky_relu(Tensor x) {
  return x + 1;
}
Tensor elu(Tensor x) {
  return x + 1;
}
Tensor hardtanh(Tensor x) {
  return x + 1;
}
Tensor cast(Tensor x, DType) {
  return x + 1;
}
Tensor dense(Tensor x, Tensor) {
  return x + 1;
}
Tensor sum(Tensor x) {
  return x + 1;
}
Tensor prod(Tensor x) {
  return x + 1;
}
Tensor mean(Tensor x) {
  return x + 1;
}
Tensor var(Tensor x) {
  return x + 1;
}
Tensor argmax(Tensor x) {
  return x + 1;
}
Tensor argmin(Tensor x) {
  return x + 1;
}
Tensor softmax(Tensor x) {
  return x + 1;
}
Tensor log_softmax(Tensor x) {
  return x + 1;
}
Tensor layer_norm(Tensor x, Tensor, Tensor) {
  return x + 1;
}
Tensor transpose(Tensor x) {
  return x + 1;
}
Tensor squeeze(Tensor x) {
  return x + 1;
}
Tensor expand_dims(Tensor x, int) {
  return x + 1;
}
Tensor broadcast_to(Tensor x, Shape) {
  return x + 1;
}
Tensor concat(const Tensors& parts, int) {
  return parts[0] + 1;
}
Tensor stack(const Tensors& parts, int) {
  return parts[0] + 1;
}
Tensors split(Tensor x, int) {
  return {x + 1};
}
Tensor slice(Tensor x, int, int64_t, int64_t) {
  return x + 1;
}
Tensor gather(Tensor x, Tensor) {
  return x + 1;
}
Tensor one_hot(Tensor x, int64_t) {
  return x + 1;
}

Tensor zeros_like(const Tensor& x) {
  return x + 1;
}
Tensor full_like(const Tensor& x, const Tensor&) {
  return x + 1;
}

void expect_one_more(const Tensor& result, double before) {
  EXPECT_EQ(result.item<double>(), before + 1);
}

TEST(Names, FunctionsOfTheUserWinOverOpsOfTheSameName) {
  const Tensor x = tensor(2.f);
#undef MLPJIT_SURFACE_unary
#undef MLPJIT_SURFACE_binary
#define MLPJIT_SURFACE_unary(name) expect_one_more(name(x), 2);
#define MLPJIT_SURFACE_binary(name) expect_one_more(name(x, x), 4);
#define MLPJIT_OP(name, surface, ...) MLPJIT_SURFACE_##surface(name)
#include "mlpjit/detail/ops.def"
  expect_one_more(add(x, x), 4);
  expect_one_more(subtract(x, x), 0);
  expect_one_more(gelu(x), 2);
  expect_one_more(dense(x, x), 2);
  expect_one_more(sum(x), 2);
  expect_one_more(softmax(x), 2);
  expect_one_more(transpose(x), 2);
  expect_one_more(concat({x, x}, 0), 2);
  expect_one_more(stack({x, x}, 0), 2);
  expect_one_more(gather(x, x), 2);
  expect_one_more(expand_dims(x, 0), 2);
}

TEST(Names, FunctionsOfTheUserWinWithNumbersAmongTheArguments) {
  const Tensor x = tensor(2.f);
#undef MLPJIT_SURFACE_unary
#undef MLPJIT_SURFACE_binary
#define MLPJIT_SURFACE_unary(name)
#define MLPJIT_SURFACE_binary(name)   \
  expect_one_more(name(x, 5), 2 + 5); \
  expect_one_more(name(5.f, x), 2 + 5);
#define MLPJIT_OP(name, surface, ...) MLPJIT_SURFACE_##surface(name)
#include "mlpjit/detail/ops.def"
  expect_one_more(add(x, 5), 2 + 5);
  expect_one_more(where(x, 5, 1), 2 + 5 + 1 - 1);
  expect_one_more(clip(x, 7, 8), 2);
  expect_one_more(zeros_like(x), 2);
  expect_one_more(full_like(x, 3), 2);
}
}  // namespace users

Tensor add(Tensor a, Tensor b) {
  return a + b;
}
Tensor relu(const Tensor& x) {
  return where(x > 0, x, 0.5f);
}
Tensor tanh(Tensor x) {
  return x - 1;
}

namespace {

TEST(Names, StayUnambiguousInTheGlobalScopeBesideCmath) {
  const Tensor x = tensor({-1.f, 2.f});
  EXPECT_TRUE(identical(add(x, x), tensor({-2.f, 4.f})));
  EXPECT_TRUE(identical(relu(x), tensor({0.5f, 2.f})));
  EXPECT_TRUE(identical(tanh(x), tensor({-2.f, 1.f})));
  EXPECT_EQ(tanh(0.0), 0.0);  // <cmath>
  EXPECT_EQ(sqrt(4.0), 2.0);
  EXPECT_EQ(max(1, 2), 2);  // <algorithm>
  EXPECT_TRUE(identical(sqrt(tensor(4.f)), tensor(2.f)));
  EXPECT_TRUE(identical(abs(x), tensor({1.f, 2.f})));
  EXPECT_TRUE(identical(max(x), tensor(2.f)));
  EXPECT_TRUE(identical(max(x, {0}), tensor(2.f)));
  EXPECT_TRUE(identical(max(x, 0, true), tensor({2.f})));
  EXPECT_TRUE(identical(pow(x, 2), tensor({1.f, 4.f})));
  EXPECT_TRUE(identical(remainder(x, 3), tensor({2.f, 2.f})));
}

// std::logical_and and its kin are class templates: no function can share their names through two
// using-directives (test/error/compile/logical_and_with_std.cpp), so operators stand for them.
TEST(Names, LogicalOpsHaveOperators) {
  const Tensor x = tensor({-1.f, 0.5f, 3.f});
  const Tensor low = x > 0, high = x < 2;
  EXPECT_TRUE(identical(low && high, tensor({false, true, false})));
  EXPECT_TRUE(identical(low && high, mlpjit::logical_and(low, high)));
  EXPECT_TRUE(identical(!low || !high,
                        mlpjit::logical_or(mlpjit::logical_not(low), mlpjit::logical_not(high))));
  EXPECT_TRUE(identical(x && x, tensor({true, true, true})));  // numbers: whether they are not 0
  EXPECT_TRUE(identical(x.slice(0, 0, 1) && low.slice(0, 0, 1), tensor({false})));
  // A C++ bool beside a tensor of one element is C++'s own operator, which skips its right side.
  const Tensor one = tensor(1.f);
  EXPECT_TRUE(one.defined() && one > 0);
  EXPECT_FALSE(false && Tensor());
  if (!(one > 0)) FAIL();
  const auto f = jit([](Tensor a) { return where(a > 0 && !(a > 2), a, 0); });
  EXPECT_TRUE(identical(f(x), tensor({0.f, 0.5f, 0.f})));
}

TEST(Names, EveryOpIsAMemberOfTheOpSet) {
  const Ops F;
  const Tensor x = tensor({{1.f, -2.f}, {3.f, 4.f}});
  EXPECT_TRUE(identical(F.relu(x), mlpjit::relu(x)));
  EXPECT_TRUE(identical(F.sum(x, {1}), sum(x, 1)));
  EXPECT_TRUE(identical(F.concat({x, x}, 1), concat({x, x}, 1)));
  const auto twice = [](Tensor a) { return a * 2; };
  EXPECT_TRUE(identical(F.cond(F.sum(x) > 0, twice, twice, {x})[0], x * 2));
  EXPECT_TRUE(identical(F.while_loop([](Tensor a) { return sum(a) < 20; }, twice, {x})[0], x * 4));
  const auto [total, rows] =
      F.scan([](Tensor c, Tensor row) { return pair{c + row, row}; }, mlpjit::zeros({2}), x);
  EXPECT_TRUE(identical(total, sum(x, 0)));
  EXPECT_TRUE(identical(rows, x));
}

}  // namespace
