// Every op of the surface: imperative, graph and native give the same bits, from numbers that hurt.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

Tensor hard(DType dtype) {
  return cast(tensor({{0.f, -0.f, 1.f, -1.f, 0.5f, -2.5f, 3.7f},
                      {kInf, -kInf, NAN, 1e-40f, -1e-40f, 88.5f, -104.f},
                      {1e30f, -1e30f, 7.f, 1.5f, 2.5f, -0.5f, 1e-7f}}),
              dtype);
}
Tensor ints(DType dtype) {
  return cast(tensor({{5, -5, 0, 7, 2, -1, 100}, {1, 2, 3, -3, 4, 6, -7}, {9, 8, 7, 6, 5, 4, 3}}),
              dtype);
}

// Runs it in every mode on the same tensors.
template <class F>
void expect_same(const char* name, F f, const Tensors& inputs) {
  const std::function<Tensors(const Tensors&)> body = [f](const Tensors& x) {
    Tensors out;
    detail::flatten(f(x), out);
    return out;
  };
  const Tensors expected = body(inputs);
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto compiled = jit([body](const Tensors& x) { return body(x); }, {.backend = backend});
    for (int i = 0; i < 2; ++i) {
      const Tensors got = compiled(inputs);
      ASSERT_EQ(got.size(), expected.size()) << name;
      for (std::size_t r = 0; r < got.size(); ++r) {
        EXPECT_TRUE(identical(got[r], expected[r]))
            << name << " on " << to_string(backend) << ", result " << r << "\n"
            << got[r] << "\nexpected\n"
            << expected[r];
      }
    }
  }
}
#define SAME(expression, ...) \
  expect_same(#expression, [](const Tensors& x) { return (expression); }, {__VA_ARGS__})

class Modes : public testing::TestWithParam<DType> {};

TEST_P(Modes, ElementwiseFunctions) {
  const Tensor a = hard(GetParam());
#define MLPJIT_SURFACE_unary(name) SAME(mlpjit::name(x[0]), a);
#define MLPJIT_SURFACE_binary(name)
#define MLPJIT_SURFACE_custom(name)
#define MLPJIT_SURFACE_internal(name)
#define MLPJIT_OP(name, surface, ...) MLPJIT_SURFACE_##surface(name)
#include "mlpjit/detail/ops.def"
  SAME(gelu(x[0]), a);
  SAME(gelu(x[0], {.approximate = true}), a);
  SAME(leaky_relu(x[0], 0.1), a);
  SAME(elu(x[0], 1.5), a);
  SAME(hardtanh(x[0]), a);
  SAME(-x[0], a);
  for (const DType to : {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean}) {
    expect_same("cast", [to](const Tensors& x) { return cast(x[0], to); }, {a});
  }
}

TEST_P(Modes, BinaryOps) {
  const Tensor a = hard(GetParam());
  for (const Tensor& b : {reshape(a, {3, 7}) * 0.75, Tensor(transpose(reshape(a, {7, 3}))),
                          Tensor(a.slice(0, 1, 2)), Tensor(a.slice(1, 2, 3)), Tensor(2.5)}) {
    SAME(x[0] + x[1], a, b);
    SAME(x[0] - x[1], a, b);
    SAME(x[0] * x[1], a, b);
    SAME(x[0] / x[1], a, b);
    SAME(maximum(x[0], x[1]), a, b);
    SAME(minimum(x[0], x[1]), a, b);
    SAME(pow(x[0], x[1]), a, b);
    SAME(floor_divide(x[0], x[1]), a, b);
    SAME(remainder(x[0], x[1]), a, b);
    SAME(x[0] < x[1], a, b);
    SAME(x[0] <= x[1], a, b);
    SAME(x[0] > x[1], a, b);
    SAME(x[0] >= x[1], a, b);
    SAME(x[0] == x[1], a, b);
    SAME(x[0] != x[1], a, b);
    SAME(mlpjit::logical_and(x[0], x[1]), a, b);
    SAME(mlpjit::logical_xor(x[0], x[1] > 0), a, b);
    SAME(where(x[0] > x[1], x[0], x[1]), a, b);
    SAME(clip(x[0], -1, x[1]), a, b);
  }
}

TEST_P(Modes, Reductions) {
  const Tensor a = hard(GetParam()), b = arange(0, 120, 1, GetParam()) / 7;
  const Tensor c = reshape(b, {2, 3, 4, 5});
  SAME(sum(x[0]), a);
  SAME(sum(x[0], 1), a);
  SAME(sum(x[0], {0, 2}, true), c);
  SAME(sum(x[0], {1, 3}), c);
  SAME(prod(x[0], {0}), c);
  SAME(mean(x[0], -1), c);
  SAME(var(x[0], {1, 2}), c);
  SAME(max(x[0], 1), a);
  SAME(min(x[0], {0, -1}, true), c);
  SAME(argmax(x[0], 1), a);
  SAME(argmin(x[0]), c);
  SAME(softmax(x[0]), c);
  SAME(softmax(x[0], 0), a);
  SAME(log_softmax(x[0], 1), c);
  SAME(softmax(x[0]), b);
  SAME(layer_norm(x[0], x[0].slice(0, 0, 1).shape().rank() > 0 ? sum(x[0], {0, 1, 2}) : x[0],
                  mean(x[0], {0, 1, 2})),
       c);
  SAME(mean(x[0]), zeros({0}, GetParam()));
  SAME(sum(x[0], 1), zeros({3, 0}, GetParam()));
  SAME(sum(x[0]), tensor(3.f));
}

TEST_P(Modes, Contractions) {
  random::seed(5);
  const auto r = [](const Shape& shape) { return random::normal(shape, 0, 1, GetParam()); };
  SAME(matmul(x[0], x[1]), r({3, 17}), r({17, 5}));
  SAME(matmul(x[0], x[1]), r({17}), r({17}));
  SAME(matmul(x[0], x[1]), r({17}), r({17, 3}));
  SAME(matmul(x[0], x[1]), r({3, 17}), r({17}));
  SAME(matmul(x[0], x[1]), r({2, 1, 3, 4}), r({5, 4, 2}));
  SAME(matmul(x[0], x[1]), r({3, 0}), r({0, 2}));
  SAME(dense(x[0], x[1], x[2]), r({4, 9}), r({33, 9}), r({33}));
  SAME(dense(x[0], x[1]), r({4, 64}), r({3, 64}));
  SAME(relu(dense(x[0], x[1], x[2])), r({1, 40}), r({2, 40}), r({2}));
  SAME(tanh(dense(relu(dense(x[0], x[1], x[2])), x[3])) * 2, r({5, 20}), r({31, 20}), r({31}),
       r({17, 31}));
}

TEST_P(Modes, DataMovement) {
  const Tensor a = hard(GetParam());
  SAME(reshape(x[0], {7, -1}), a);
  SAME(transpose(x[0]), a);
  SAME(transpose(reshape(x[0], {1, 3, 7}), {2, 0, 1}), a);
  SAME(squeeze(expand_dims(x[0], 1)), a);
  SAME(broadcast_to(x[0], {2, 3, 7}), a);
  SAME(concat({x[0], x[0] * 2, x[0]}, 1), a);
  SAME(concat({x[0]}), a);
  SAME(stack({x[0], x[0] + 1}, -1), a);
  SAME(split(x[0], 3), a);
  SAME(split(x[0], {2, 0, 5}, 1), a);
  SAME(slice(x[0], 1, 1, -1, 2), a);
  SAME(gather(x[0], x[1], 1), a, tensor({{0, -1}, {3, 6}}));
  SAME(one_hot(x[0], 4), tensor({0, 3, 1}));
  SAME(Tensors({x[0], x[0]}), a);
}

INSTANTIATE_TEST_SUITE_P(Floats, Modes, testing::Values(DType::f32, DType::f64),
                         [](const auto& info) { return std::string(to_string(info.param)); });

class IntegerModes : public testing::TestWithParam<DType> {};

TEST_P(IntegerModes, Ops) {
  const Tensor a = ints(GetParam()), b = transpose(reshape(a, {7, 3}));
  SAME(x[0] + x[1], a, b);
  SAME(x[0] - x[1] * x[0], a, b);
  SAME(x[0] * 2000000000, a);
  SAME(maximum(x[0], x[1]), a, b);
  SAME(clip(x[0], -1, 3), a);
  SAME(floor_divide(x[0], 3), a);
  SAME(remainder(x[0], -3), a);
  SAME(pow(x[0], x[1]), a, b);
  SAME(x[0] < x[1], a, b);
  SAME(mlpjit::sign(x[0]) + abs(x[0]) + relu(x[0]), a);
  SAME(sum(x[0]), a);
  SAME(prod(x[0], 1), a);
  SAME(mean(x[0], 0), a);
  SAME(var(x[0]), a);
  SAME(argmax(x[0], 1), a);
  SAME(max(x[0], 0), a);
  SAME(matmul(x[0], transpose(x[1])), a, b);
  SAME(cast(x[0], DType::f32) / 3, a);
  SAME(where(x[0] == 5, x[0], -x[0]), a);
}

INSTANTIATE_TEST_SUITE_P(Integers, IntegerModes, testing::Values(DType::i32, DType::i64),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(BoolModes, Ops) {
  const Tensor a = tensor({true, false, true, false}), b = tensor({true, true, false, false});
  SAME(mlpjit::logical_and(x[0], x[1]), a, b);
  SAME(mlpjit::logical_or(x[0], mlpjit::logical_not(x[1])), a, b);
  SAME(x[0] == x[1], a, b);
  SAME(sum(x[0]), a);
  SAME(mean(x[0]), a);
  SAME(cast(x[0], DType::f32) + 1, a);
  SAME(where(x[0], 1.5f, x[1]), a, tensor({1.f, 2.f, 3.f, 4.f}));
}

}  // namespace
}  // namespace mlpjit
