// What does not fit is refused before anything is read, op by op and while tracing: the short way
// through simple types, which imperative calls take, looks at every operand too.

#include <gtest/gtest.h>

#include "mlpjit/mlpjit.h"
#include "test/unit/frontend/expect_error.h"

namespace mlpjit {
namespace {

struct Misfit {
  const char* name;
  Tensors operands;
  Tensor (*op)(const Tensors&);
};

Tensor dense_of(const Tensors& a) {
  return a.size() > 2 ? dense(a[0], a[1], a[2]) : dense(a[0], a[1]);
}
Tensor sum_of(const Tensors& a) {
  return a[0] + a[1];
}
Tensor less_of(const Tensors& a) {
  return a[0] < a[1];
}
Tensor quotient_of(const Tensors& a) {
  return a[0] / a[1];
}

template <class E>
void expect_refused(const std::vector<Misfit>& misfits) {
  for (const Misfit& misfit : misfits) {
    SCOPED_TRACE(misfit.name);
    EXPECT_ERROR(E, misfit.op(misfit.operands));
    const auto traced =
        jit([&](const Tensors& in) { return misfit.op(in); }, {.backend = Backend::graph});
    EXPECT_ERROR(E, traced(misfit.operands));
  }
}

TEST(Misfits, OfShapes) {
  const Tensor x = ones({2, 5}), w = ones({3, 5});
  expect_refused<ShapeError>({{"a shorter bias", {x, w, ones({2})}, dense_of},
                              {"a longer bias", {x, w, ones({4})}, dense_of},
                              {"a bias of one element", {x, w, ones({1})}, dense_of},
                              {"a bias without elements", {x, w, ones({0})}, dense_of},
                              {"a bias of two axes", {x, w, ones({1, 3})}, dense_of},
                              {"a 0-d bias", {x, w, ones({})}, dense_of},
                              {"a shorter weight", {x, ones({3, 4})}, dense_of},
                              {"a longer weight", {x, ones({3, 6})}, dense_of},
                              {"a weight of one axis", {x, ones({5})}, dense_of},
                              {"a weight of three axes", {x, ones({1, 3, 5})}, dense_of},
                              {"a 0-d input", {ones({}), w}, dense_of},
                              {"sizes that do not broadcast", {x, w}, sum_of},
                              {"one size less", {ones({5}), ones({4})}, sum_of},
                              {"sizes to compare", {x, ones({2, 4})}, less_of}});
}

TEST(Misfits, OfDTypes) {
  const Tensor x = ones({2, 5}), w = ones({3, 5}), n = ones({2, 5}, DType::i64);
  expect_refused<DTypeError>(
      {{"a weight of another dtype", {x, ones({3, 5}, DType::f64)}, dense_of},
       {"a bias of another dtype", {x, w, ones({3}, DType::f64)}, dense_of},
       {"a bias of integers", {x, w, ones({3}, DType::i32)}, dense_of},
       {"two dtypes", {x, n}, sum_of},
       {"two dtypes, one 0-d", {x, ones({}, DType::f64)}, sum_of},
       {"two dtypes to compare", {n, ones({2, 5}, DType::i32)}, less_of},
       {"bools", {x < 0, x < 0}, sum_of},
       {"integers to divide", {n, n}, quotient_of}});
}

}  // namespace
}  // namespace mlpjit
