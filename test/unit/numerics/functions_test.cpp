// Values that the definitions must give exactly: special cases, signs, limits, saturation.

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"

namespace mlpjit::numerics {
namespace {

template <class T>
class Functions : public ::testing::Test {
 protected:
  using B = ScalarBackend<T>;
  static constexpr T inf = std::numeric_limits<T>::infinity();
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  static constexpr T denormal = std::numeric_limits<T>::denorm_min();
  static constexpr T largest = std::numeric_limits<T>::max();

  static T call(ir::Opcode opcode, T x, T y = 0, T z = 0) {
    const T operands[] = {x, y, z};
    return apply(B{}, opcode, operands, Params{.alpha = 0.5, .min = -1, .max = 1});
  }
  // Equal, the sign of zero and NaN included.
  static void expect(ir::Opcode opcode, T x, T expected, T y = 0, T z = 0) {
    const T actual = call(opcode, x, y, z);
    const auto where = [&] {
      return ::testing::Message() << "opcode " << static_cast<int>(opcode) << " of " << x << ", "
                                  << y << ", " << z << ": " << actual << " not " << expected;
    };
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(actual)) << where();
    } else {
      EXPECT_TRUE(actual == expected && std::signbit(actual) == std::signbit(expected)) << where();
    }
  }
};

using Lanes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Functions, Lanes);

// All that take one operand.
#define MLPJIT_TEST_unary(name) ir::Opcode::name,
#define MLPJIT_TEST_alpha(name) ir::Opcode::name,
#define MLPJIT_TEST_range(name) ir::Opcode::name,
#define MLPJIT_TEST_binary(name)
#define MLPJIT_TEST_ternary(name)
#define MLPJIT_NUMERICS_FUNCTION(name, form, loops, cost) MLPJIT_TEST_##form(name)
constexpr ir::Opcode kUnary[] = {
#include "lib/numerics/functions.def"
};
#undef MLPJIT_NUMERICS_FUNCTION
#undef MLPJIT_TEST_unary
#undef MLPJIT_TEST_alpha
#undef MLPJIT_TEST_range
#undef MLPJIT_TEST_binary
#undef MLPJIT_TEST_ternary

TYPED_TEST(Functions, KeepNaN) {
  for (const ir::Opcode opcode : kUnary) this->expect(opcode, this->nan, this->nan);
  for (const ir::Opcode opcode :
       {ir::Opcode::maximum, ir::Opcode::minimum, ir::Opcode::pow, ir::Opcode::floor_divide}) {
    this->expect(opcode, this->nan, this->nan, 2);
    this->expect(opcode, 2, this->nan, this->nan);
  }
  this->expect(ir::Opcode::clip, this->nan, this->nan, 0, 1);
  this->expect(ir::Opcode::clip, 1, this->nan, this->nan, 1);
}

TYPED_TEST(Functions, KeepTheSignOfZero) {
  for (const ir::Opcode opcode :
       {ir::Opcode::expm1, ir::Opcode::log1p, ir::Opcode::tanh, ir::Opcode::erf, ir::Opcode::sin,
        ir::Opcode::silu, ir::Opcode::gelu, ir::Opcode::gelu_tanh, ir::Opcode::relu,
        ir::Opcode::sign, ir::Opcode::elu, ir::Opcode::leaky_relu, ir::Opcode::sqrt,
        ir::Opcode::round, ir::Opcode::floor, ir::Opcode::ceil}) {
    this->expect(opcode, TypeParam{0}, TypeParam{0});
    this->expect(opcode, -TypeParam{0}, -TypeParam{0});
  }
}

TYPED_TEST(Functions, KeepDenormals) {
  const TypeParam x = 3 * this->denormal;
  for (const ir::Opcode opcode : {ir::Opcode::expm1, ir::Opcode::log1p, ir::Opcode::tanh,
                                  ir::Opcode::sin, ir::Opcode::elu, ir::Opcode::relu}) {
    this->expect(opcode, x, x);
  }
  for (const ir::Opcode opcode : {ir::Opcode::silu, ir::Opcode::gelu, ir::Opcode::gelu_tanh}) {
    this->expect(opcode, 2 * x, x);
  }
  EXPECT_GT(this->call(ir::Opcode::exp, std::log(x)), 0);
}

TYPED_TEST(Functions, AtInfinity) {
  const TypeParam inf = this->inf, nan = this->nan, zero = 0;
  struct Case {
    ir::Opcode opcode;
    TypeParam at_plus, at_minus;
  };
  const Case cases[] = {{ir::Opcode::exp, inf, zero},        {ir::Opcode::log, inf, nan},
                        {ir::Opcode::expm1, inf, -1},        {ir::Opcode::log1p, inf, nan},
                        {ir::Opcode::tanh, 1, -1},           {ir::Opcode::erf, 1, -1},
                        {ir::Opcode::sigmoid, 1, zero},      {ir::Opcode::softplus, inf, zero},
                        {ir::Opcode::silu, inf, -zero},      {ir::Opcode::gelu, inf, -zero},
                        {ir::Opcode::gelu_tanh, inf, -zero}, {ir::Opcode::sin, nan, nan},
                        {ir::Opcode::cos, nan, nan},         {ir::Opcode::sqrt, inf, nan},
                        {ir::Opcode::rsqrt, zero, nan},      {ir::Opcode::relu, inf, zero},
                        {ir::Opcode::elu, inf, -0.5},        {ir::Opcode::sign, 1, -1},
                        {ir::Opcode::hardtanh, 1, -1},       {ir::Opcode::floor, inf, -inf}};
  for (const Case& c : cases) {
    this->expect(c.opcode, inf, c.at_plus);
    this->expect(c.opcode, -inf, c.at_minus);
    if (!std::isnan(c.at_plus) && !std::isinf(c.at_plus)) {
      this->expect(c.opcode, this->largest,
                   c.opcode == ir::Opcode::rsqrt ? this->call(c.opcode, this->largest) : c.at_plus);
    }
  }
}

TYPED_TEST(Functions, LogarithmsAtTheirPoles) {
  const TypeParam inf = this->inf;
  this->expect(ir::Opcode::log, 0, -inf);
  this->expect(ir::Opcode::log, -TypeParam{0}, -inf);
  this->expect(ir::Opcode::log, 1, 0);
  this->expect(ir::Opcode::log, -1, this->nan);
  this->expect(ir::Opcode::log, -this->denormal, this->nan);
  this->expect(ir::Opcode::log1p, -1, -inf);
  this->expect(ir::Opcode::log1p, -2, this->nan);
  this->expect(ir::Opcode::rsqrt, 0, inf);
  this->expect(ir::Opcode::rsqrt, -TypeParam{0}, -inf);
}

TYPED_TEST(Functions, StayInTheirRange) {
  for (double at = -40; at <= 40; at += 0.001) {
    const auto x = static_cast<TypeParam>(at);
    EXPECT_LE(std::fabs(this->call(ir::Opcode::tanh, x)), 1) << at;
    EXPECT_LE(std::fabs(this->call(ir::Opcode::erf, x)), 1) << at;
    EXPECT_LE(this->call(ir::Opcode::sigmoid, x), 1) << at;
    EXPECT_GE(this->call(ir::Opcode::sigmoid, x), 0) << at;
    EXPECT_LE(std::fabs(this->call(ir::Opcode::sin, x)), 1) << at;
    EXPECT_LE(std::fabs(this->call(ir::Opcode::cos, x)), 1) << at;
    EXPECT_GE(this->call(ir::Opcode::expm1, x), -1) << at;
  }
}

TYPED_TEST(Functions, OddOnesAreOdd) {
  for (double at = 1e-3; at <= 100; at *= 1.01) {
    const auto x = static_cast<TypeParam>(at);
    for (const ir::Opcode opcode : {ir::Opcode::tanh, ir::Opcode::erf, ir::Opcode::sin}) {
      EXPECT_EQ(this->call(opcode, x), -this->call(opcode, -x)) << at;
    }
    EXPECT_EQ(this->call(ir::Opcode::cos, x), this->call(ir::Opcode::cos, -x)) << at;
  }
}

TYPED_TEST(Functions, MaximumAndMinimumOrderZerosAndLetNaNWin) {
  const TypeParam plus = 0, minus = -TypeParam{0};
  for (const auto& [x, y] : {std::pair{plus, minus}, std::pair{minus, plus}}) {
    this->expect(ir::Opcode::maximum, x, plus, y);
    this->expect(ir::Opcode::minimum, x, minus, y);
  }
  this->expect(ir::Opcode::maximum, minus, minus, minus);
  this->expect(ir::Opcode::minimum, plus, plus, plus);
  this->expect(ir::Opcode::maximum, 1, 2, 2);
  this->expect(ir::Opcode::minimum, 1, 1, 2);
  this->expect(ir::Opcode::maximum, this->nan, this->nan, this->inf);
  this->expect(ir::Opcode::minimum, -this->inf, this->nan, this->nan);
  this->expect(ir::Opcode::clip, 5, 2, 1, 2);
  this->expect(ir::Opcode::clip, -5, 1, 1, 2);
  this->expect(ir::Opcode::clip, 5, 1, 2, 1);  // lo > hi: hi
}

TYPED_TEST(Functions, RoundHalfToEven) {
  this->expect(ir::Opcode::round, 0.5, 0);
  this->expect(ir::Opcode::round, 1.5, 2);
  this->expect(ir::Opcode::round, 2.5, 2);
  this->expect(ir::Opcode::round, -0.5, -TypeParam{0});
  this->expect(ir::Opcode::round, -2.5, -2);
}

TYPED_TEST(Functions, SmallActivations) {
  this->expect(ir::Opcode::relu, -3, 0);
  this->expect(ir::Opcode::relu, 3, 3);
  this->expect(ir::Opcode::leaky_relu, -3, -1.5);
  this->expect(ir::Opcode::leaky_relu, 3, 3);
  this->expect(ir::Opcode::elu, 3, 3);
  this->expect(ir::Opcode::hardtanh, -3, -1);
  this->expect(ir::Opcode::sign, -3, -1);
  this->expect(ir::Opcode::sign, this->denormal, 1);
}

TYPED_TEST(Functions, PowOfSpecialOperands) {
  const TypeParam inf = this->inf, nan = this->nan, zero = 0;
  struct Case {
    TypeParam x, y, expected;
  };
  // C17, F.10.4.4.
  const Case cases[] = {{zero, -3, inf},
                        {-zero, -3, -inf},
                        {zero, -2, inf},
                        {-zero, -2, inf},
                        {-zero, -0.5, inf},
                        {zero, -inf, inf},
                        {-zero, -inf, inf},
                        {zero, 3, zero},
                        {-zero, 3, -zero},
                        {zero, 2, zero},
                        {-zero, 2, zero},
                        {-zero, 0.5, zero},
                        {-1, inf, 1},
                        {-1, -inf, 1},
                        {1, nan, 1},
                        {1, inf, 1},
                        {nan, zero, 1},
                        {nan, -zero, 1},
                        {-8, 0.5, nan},
                        {-8, TypeParam(1) / 3, nan},
                        {0.5, -inf, inf},
                        {-0.5, -inf, inf},
                        {2, -inf, zero},
                        {-2, -inf, zero},
                        {0.5, inf, zero},
                        {-0.5, inf, zero},
                        {2, inf, inf},
                        {-2, inf, inf},
                        {-inf, -3, -zero},
                        {-inf, -2, zero},
                        {-inf, -0.5, zero},
                        {-inf, 3, -inf},
                        {-inf, 2, inf},
                        {-inf, 0.5, inf},
                        {inf, -0.5, zero},
                        {inf, 0.5, inf},
                        {-2, 3, -8},
                        {-2, 2, 4},
                        {-2, -1, -0.5},
                        {2, 10, 1024},
                        {9, 0.5, 3},
                        {10, 0, 1},
                        {nan, 1, nan},
                        {2, nan, nan},
                        {-2, 1e30F, inf},
                        {-0.5, 1e30F, zero},
                        {this->largest, 1, this->largest},
                        {this->denormal, 1, this->denormal}};
  for (const Case& c : cases) this->expect(ir::Opcode::pow, c.x, c.expected, c.y);
}

TYPED_TEST(Functions, SinAndCosOfHugeArguments) {
  const double x = 0x1p120;  // a float and a double
  EXPECT_NEAR(this->call(ir::Opcode::sin, static_cast<TypeParam>(x)), std::sin(x), 1e-7);
  EXPECT_NEAR(this->call(ir::Opcode::cos, static_cast<TypeParam>(x)), std::cos(x), 1e-7);
}

TEST(ElementwiseFunctions, AttributesAreRoundedOnce) {
  const float x[] = {-3};
  const Params params{.alpha = 0.1};
  EXPECT_EQ(apply(ScalarBackend<float>{}, ir::Opcode::leaky_relu, x, params), 0.1F * -3);
}

TEST(ElementwiseFunctions, OthersAreRefused) {
  const float x[] = {1, 2, 3};
  EXPECT_THROW(apply(ScalarBackend<float>{}, ir::Opcode::matmul, x, {}), InternalError);
  EXPECT_THROW(compare(ScalarBackend<float>{}, ir::Opcode::add, 1.0F, 2.0F), InternalError);
}

TEST(ElementwiseFunctions, ComparisonsWithNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const ScalarBackend<float> b;
  for (const ir::Opcode opcode : {ir::Opcode::equal, ir::Opcode::less, ir::Opcode::less_equal,
                                  ir::Opcode::greater, ir::Opcode::greater_equal}) {
    EXPECT_FALSE(compare(b, opcode, nan, 1.0F));
    EXPECT_FALSE(compare(b, opcode, 1.0F, nan));
  }
  EXPECT_TRUE(compare(b, ir::Opcode::not_equal, nan, nan));
  EXPECT_TRUE(compare(b, ir::Opcode::greater, 2.0F, 1.0F));
  EXPECT_TRUE(compare(b, ir::Opcode::less_equal, 1.0F, 1.0F));
}

}  // namespace
}  // namespace mlpjit::numerics
