// What cond, while_loop and scan refuse, and what fails in them, is the same error in every mode.

#include <stdexcept>

#include "control_flow_fixture.h"
#include "expect_error.h"

namespace mlpjit {
namespace {

class ControlFlowErrors : public test::ControlFlow {};

TEST_P(ControlFlowErrors, AFailureInALoopIsTheSameErrorAndChangesNothing) {
  const Tensor table = tensor({1.f, 2.f, 3.f});
  const auto f = [table](Tensor x) {
    while_loop([](Tensor i) { return i < 9; },
               [&](Tensor i) {
                 x += gather(table, i);
                 return i + 1;
               },
               {Tensor(0)});
    return x * 1;
  };
  const Tensor x = ones({2}), before = x.copy();
  const auto compiled = jit(f, {.backend = GetParam()});
  EXPECT_ERROR(ValueError, f(x.copy()), "gather", "3");
  EXPECT_ERROR(ValueError, compiled(x), "gather", "3");
  EXPECT_TRUE(identical(x, before));
}

// What the optimiser knows of the result does not take the failure away.
TEST_P(ControlFlowErrors, WhatMayFailStillFailsWhereItsValueIsKnown) {
  const Tensor zero = tensor(std::int64_t{0}), one = tensor(std::int64_t{1});
  const auto expect_fails = [&](const std::function<Tensors(const Tensors&)>& f) {
    const auto compiled = jit(f, {.backend = GetParam()});
    EXPECT_ERROR(ValueError, f({one, zero}), "floor_divide");
    EXPECT_ERROR(ValueError, compiled(Tensors{one, zero}), "floor_divide");
    EXPECT_EQ(compiled(Tensors{one, one}).size(), f({one, one}).size());
    EXPECT_ERROR(ValueError, compiled(Tensors{one, zero}), "floor_divide");
  };
  // A condition that is constant false after a division: no round runs, but it is asked once.
  expect_fails([](const Tensors& in) {
    return while_loop(
        [&](const Tensors& state) {
          floor_divide(state[0], in[1]);
          return Tensors{tensor(false)};
        },
        [](const Tensors& state) { return state; }, {in[0]});
  });
  // A division in a body whose results nobody takes, and in branches that give the same.
  expect_fails([](const Tensors& in) {
    while_loop([](const Tensors& state) { return Tensors{state[0] < 3}; },
               [&](const Tensors& state) {
                 floor_divide(state[0], in[1]);
                 return Tensors{state[0] + 1};
               },
               {in[0]});
    return Tensors{in[0] * 2};
  });
  expect_fails([](const Tensors& in) {
    return cond(
        in[0] > 0,
        [&](const Tensors& x) {
          floor_divide(x[0], in[1]);
          return x;
        },
        [&](const Tensors& x) { return x; }, {in[0]});
  });
  expect_fails([](const Tensors& in) {
    const Tensor xs = tensor({std::int64_t{1}, std::int64_t{2}});
    const auto [carry, ys] = scan(
        [&](const Tensor& c, const Tensor& x) {
          floor_divide(x, in[1]);
          return std::pair(c, x);
        },
        in[0], xs);
    return Tensors{carry};
  });
}

TEST_P(ControlFlowErrors, SaysWhatDoesNotFit) {
  const auto same_error = [&](const std::function<Tensors(const Tensors&)>& f, const std::string& a,
                              const std::string& b) {
    EXPECT_ERROR(ShapeError, f({ones({2})}), a, b);
    const auto compiled = jit([f](const Tensors& x) { return f(x); }, {.backend = GetParam()});
    EXPECT_ERROR(ShapeError, compiled(Tensors{ones({2})}), a, b);
  };
  same_error(
      [](const Tensors& x) {
        return while_loop([](Tensor a) { return max(a) < 9; },
                          [](Tensor a) { return concat({a, a}); }, {x[0]});
      },
      "f32[4]", "f32[2]");
  same_error(
      [](const Tensors& x) {
        return Tensors{
            scan([](Tensor c, Tensor) { return std::pair(stack({c, c}), c); }, x[0], ones({3, 2}))
                .first};
      },
      "f32[2, 2]", "f32[2]");
  same_error(
      [](const Tensors& x) {
        return cond(x[0] > 0, [] { return Tensor(1); }, [] { return Tensor(2); });
      },
      "cond", "[2]");
  const auto unequal =
      jit([](Tensor x) { return cond(x > 0, [&] { return x; }, [&] { return stack({x, x}); })[0]; },
          {.backend = GetParam()});
  EXPECT_ERROR(ShapeError, unequal(tensor(1.f)), "cond", "f32[]", "f32[2]");
  const auto condition_draws = jit(
      [](Tensor x) {
        return while_loop([](Tensor a) { return a < random::uniform({}); },
                          [](Tensor a) { return a + 1; }, {x})[0];
      },
      {.backend = GetParam()});
  EXPECT_ERROR(TraceError, condition_draws(tensor(1.f)), "condition");
  const auto leaks = jit(
      [](Tensor x) {
        Tensor out;
        cond(
            x > 0,
            [&] {
              out = x + 1;
              return out;
            },
            [&] { return x; });
        return out * 2;
      },
      {.backend = GetParam()});
  EXPECT_ERROR(TraceError, leaks(tensor(1.f)), "branch", "return it");
}

TEST_P(ControlFlowErrors, BranchesGiveEquallyManyTensors) {
  const auto f = jit(
      [](Tensor x) {
        return cond(sum(x) > 0, [&] { return Tensors{x, x}; }, [&] { return Tensors{x}; });
      },
      {.backend = GetParam()});
  EXPECT_ERROR(ShapeError, f(ones({2})), "cond", "2 tensors", "1");
}

TEST_P(ControlFlowErrors, AConditionThatUpdatesItsStateIsRefused) {
  const auto whole = jit(
      [](Tensor x) {
        return while_loop(
            [](Tensor s) {
              s *= 2;
              return s < 30;
            },
            [](Tensor s) { return s + 1; }, {x})[0];
      },
      {.backend = GetParam()});
  EXPECT_ERROR(TraceError, whole(tensor(1.f)), "while_loop", "condition", "body");
  const auto slice = jit(
      [](Tensor x) {
        return while_loop(
            [](Tensor s) {
              s.slice(0, 0, 1).assign(100);
              return sum(s) < 30;
            },
            [](Tensor s) { return s + 1; }, {x})[0];
      },
      {.backend = GetParam()});
  EXPECT_ERROR(TraceError, slice(ones({2})), "while_loop", "condition", "body");
}

TEST_P(ControlFlowErrors, AnExceptionCaughtOutsideTheBodyItLeftIsAnError) {
  const auto f = jit(
      [](Tensor x) {
        Tensor a = x;
        try {
          while_loop([](Tensor i) { return i < 3; },
                     [&](Tensor) -> Tensor {
                       a += 1;
                       throw 5;
                     },
                     {0});
        } catch (int) {
        }
        return a * 2;
      },
      {.backend = GetParam()});
  EXPECT_ERROR(TraceError, f(ones({2})), "exception", "body of a cond, while_loop or scan");
  // One that leaves the function is the caller's, and the next trace is a new one.
  int calls = 0;
  const auto g = jit(
      [&](Tensor x) {
        return cond(
            sum(x) > 0, [&] { return x * 2; },
            [&] {
              if (calls++ == 0) throw std::runtime_error("once");
              return x;
            })[0];
      },
      {.backend = GetParam()});
  EXPECT_THROW(g(ones({2})), std::runtime_error);
  EXPECT_TRUE(identical(g(ones({2})), ones({2}) * 2));
}

INSTANTIATE_TEST_SUITE_P(Backends, ControlFlowErrors,
                         testing::Values(Backend::graph, Backend::native),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace mlpjit
