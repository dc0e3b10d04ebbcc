#pragma once
// Programs run imperatively, as a graph and compiled, and compared on the bits: results, the
// tensors that they change, and the random stream.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"
#include "test/unit/frontend/expect_error.h"

namespace mlpjit::test {

// A program with tensors of its own, made anew for every mode.
struct Program {
  std::function<Tensors(const Tensors&)> run;
  Tensors inputs;
  Tensors state = {};  // further tensors that it may change
};

inline std::string name_of(const testing::TestParamInfo<Backend>& info) {
  return std::string(to_string(info.param));
}

// Several calls of make()'s program, all in this mode, leave the same bits as the imperative ones.
inline void expect_like_imperative(const std::function<Program()>& make,
                                   const HybridizeOptions& options, int calls = 3) {
  random::seed(17);
  Program plain = make();
  std::vector<Tensors> expected;
  for (int call = 0; call < calls; ++call) {
    Tensors seen = plain.run(plain.inputs);
    for (const Tensor& tensor : plain.inputs) seen.push_back(tensor);
    for (const Tensor& tensor : plain.state) seen.push_back(tensor);
    for (Tensor& tensor : seen) tensor = tensor.copy();
    expected.push_back(std::move(seen));
  }
  const random::State after = random::state();

  random::seed(17);
  Program again = make();
  const auto hybrid = jit([run = again.run](const Tensors& x) { return run(x); }, options);
  for (int call = 0; call < calls; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    Tensors seen = hybrid(again.inputs);
    for (const Tensor& tensor : again.inputs) seen.push_back(tensor);
    for (const Tensor& tensor : again.state) seen.push_back(tensor);
    ASSERT_EQ(seen.size(), expected[static_cast<std::size_t>(call)].size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const Tensor& want = expected[static_cast<std::size_t>(call)][i];
      EXPECT_TRUE(identical(seen[i], want)) << i << ": " << seen[i] << "\nexpected " << want;
    }
  }
  EXPECT_EQ(random::state(), after);
}

// Tests with a backend as their parameter.
class PainTest : public testing::TestWithParam<Backend> {
 protected:
  HybridizeOptions options() const { return {.backend = GetParam()}; }
  void same(const std::function<Program()>& make, int calls = 3) const {
    expect_like_imperative(make, options(), calls);
  }
};

#define MLPJIT_PAINS_IN_ALL_MODES(Suite)                                                      \
  INSTANTIATE_TEST_SUITE_P(Backends, Suite, testing::Values(Backend::graph, Backend::native), \
                           test::name_of)

}  // namespace mlpjit::test
