#pragma once
// One function in every mode.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "mlpjit/mlpjit.h"

namespace mlpjit::test {

class ControlFlow : public testing::TestWithParam<Backend> {
 protected:
  // Runs it imperatively and compiled (twice) on copies of the same tensors, for every instruction
  // set; results and updated tensors must be equal, and what is printed.
  void expect_same(const std::function<Tensors(const Tensors&)>& f, const Tensors& inputs) const {
    for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      if (isa > current_isa()) continue;
      SCOPED_TRACE(to_string(isa));
      expect_same(f, inputs, isa);
    }
  }

 private:
  void expect_same(const std::function<Tensors(const Tensors&)>& f, const Tensors& inputs,
                   Isa isa) const {
    const auto copies = [&] {
      Tensors all;
      for (const Tensor& x : inputs) all.push_back(x.copy());
      return all;
    };
    const auto compiled =
        jit([f](const Tensors& x) { return f(x); }, {.backend = GetParam(), .isa = isa});
    random::seed(1);
    testing::internal::CaptureStdout();
    const Tensors x1 = copies(), r1 = f(x1), r1_again = f(x1);
    const std::string printed = testing::internal::GetCapturedStdout();
    const random::State state = random::state();
    random::seed(1);
    testing::internal::CaptureStdout();
    const Tensors x2 = copies(), r2 = compiled(x2), r2_again = compiled(x2);
    EXPECT_EQ(testing::internal::GetCapturedStdout(), printed);
    EXPECT_EQ(random::state(), state);
    compare(r1, r2, "result");
    compare(r1_again, r2_again, "second result");
    compare(x1, x2, "argument");
  }

  static void compare(const Tensors& expected, const Tensors& actual, const char* what) {
    ASSERT_EQ(expected.size(), actual.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(identical(expected[i], actual[i])) << what << " " << i << "\n"
                                                     << expected[i] << "\n"
                                                     << actual[i];
    }
  }
};

}  // namespace mlpjit::test
