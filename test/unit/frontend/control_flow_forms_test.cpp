// How cond, while_loop and scan may be written: one tensor, or a list of them.

#include <gtest/gtest.h>

#include <type_traits>

#include "expect_error.h"
#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

TEST(ControlFlowForms, SlicesAreTensors) {
  const Tensor x = reshape(arange(6, DType::f32), {2, 3});
  const auto [carry, ys] =
      scan([](Tensor c, Tensor row) { return std::pair{c + row, row.slice(0, 0, 2)}; },
           x.slice(1, 0, 3).slice(0, 0, 1), x);
  EXPECT_TRUE(identical(carry, tensor({{3.f, 6.f, 9.f}})));
  EXPECT_TRUE(identical(ys, tensor({{0.f, 1.f}, {3.f, 4.f}})));
}

TEST(ControlFlowForms, ScanTakesBraceLists) {
  const Tensor a = tensor({1.f, 2.f}), b = tensor({{3.f, 4.f}, {5.f, 6.f}});
  const auto add = [](Tensor c, Tensor x) { return std::pair{c + x, c * x}; };
  const auto [carry, ys] = scan(add, a, b);
  const auto expect = [&](const Tensor& c, const Tensor& y) {
    EXPECT_TRUE(identical(c, carry));
    EXPECT_TRUE(identical(y, ys));
  };
  const auto [c1, y1] = scan(add, {a}, {b});
  expect(c1, y1);
  const auto [c2, y2] = scan(add, {a}, b);
  expect(c2, y2);
  const auto [c3, y3] = scan(add, a, {b});
  expect(c3, y3);
  const auto [c4, y4] = scan(
      [&](const Tensors& c, const Tensors& x) {
        return std::pair{Tensors{c[0] + x[0]}, Tensors{c[0] * x[0], x[1]}};
      },
      {a}, {b, b});
  expect(c4.at(0), y4.at(0));
  EXPECT_TRUE(identical(y4.at(1), b));
  const auto [c5, y5] = Ops().scan(add, {a}, {b});
  expect(c5, y5);
  const auto compiled = jit([&](Tensor x, Tensor y) { return scan(add, {x}, {y}); });
  const auto [c6, y6] = compiled(a, b);
  expect(c6, y6);
  EXPECT_ERROR(UserError, scan(add, {a, a}, {b}), "scan", "2 carried tensors", "const Tensors&");
  EXPECT_ERROR(UserError, scan(add, a, {b, b}), "scan", "2 tensors to scan over");
}

TEST(ControlFlowForms, LoopsOverOneTensorGiveOne) {
  const auto small = [](Tensor x) { return x < 100; };
  const auto twice = [](Tensor x) { return x * 2; };
  const Tensor last = while_loop(small, twice, tensor(3));
  EXPECT_EQ(last.item<int>(), 192);
  static_assert(std::same_as<decltype(while_loop(small, twice, last)), Tensor>);
  static_assert(std::same_as<decltype(while_loop(small, twice, 3)), Tensor>);
  static_assert(std::same_as<decltype(while_loop(small, twice, {last})), Outputs>);
  const Tensor of_a_list = while_loop(small, twice, {tensor(3)});
  EXPECT_EQ(of_a_list.item<int>(), 192);
  EXPECT_EQ(while_loop(small, twice, tensor(3), 2).item<int>(), 12);
  EXPECT_EQ(Ops().while_loop(small, twice, tensor(3)).item<int>(), 192);
  const auto [i, total] =
      while_loop([](Tensor n, Tensor) { return n < 4; },
                 [](Tensor n, Tensor sum) { return std::tuple{n + 1, sum + n}; }, {0, 0})
          .as<2>();
  EXPECT_EQ(i.item<int>(), 4);
  EXPECT_EQ(total.item<int>(), 6);
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto f = jit([&](Tensor x) { return while_loop(small, twice, x); }, {.backend = backend});
    EXPECT_EQ(f(tensor(3)).item<int>(), 192);
  }
}

TEST(ControlFlowForms, BranchesOnOneTensorGiveOne) {
  const Tensor x = tensor({1.f, -2.f});
  const auto yes = [](Tensor a) { return a + 1; };
  const auto no = [](Tensor a) { return -a; };
  const Tensor y = cond(sum(x) > 0, yes, no, x);
  EXPECT_TRUE(identical(y, tensor({-1.f, 2.f})));
  static_assert(std::same_as<decltype(cond(x, yes, no, x)), Tensor>);
  static_assert(std::same_as<decltype(cond(x, yes, no, {x})), Outputs>);
  const Tensor of_a_list = cond(sum(x) > 0, yes, no, {x});
  EXPECT_TRUE(identical(of_a_list, y));
  const Tensor of_nothing = cond(sum(x) < 0, [&] { return x; }, [&] { return -x; });
  EXPECT_TRUE(identical(of_nothing, x));
  const auto both = [](Tensor a) { return std::pair{a, -a}; };
  const auto [a, b] = cond(sum(x) < 0, both, both, x).as<2>();
  EXPECT_TRUE(identical(a, x));
  EXPECT_TRUE(identical(b, -x));
  EXPECT_TRUE(identical(Ops().cond(sum(x) > 0, yes, no, x), y));
  EXPECT_ERROR(UserError, (void)Tensor(cond(sum(x) < 0, both, both, x)), "2 results", "one tensor");
  EXPECT_ERROR(UserError, cond(sum(x) < 0, both, both, x).as<3>(), "2 results, 3 are wanted");
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto f =
        jit([&](Tensor t) { return cond(sum(t) > 0, yes, no, t); }, {.backend = backend});
    EXPECT_TRUE(identical(f(x), y));
  }
}

}  // namespace
}  // namespace mlpjit
