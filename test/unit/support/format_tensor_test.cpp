// Expected texts are numpy 2.4's str() of the same arrays.

#include "lib/support/format_tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace mlpjit::support {
namespace {

template <class T>
std::string text(Shape shape, const std::vector<T>& values) {
  return format_tensor(dtype_of<T>, shape, values.data());
}

std::string bools(Shape shape, const std::vector<std::uint8_t>& values) {
  return format_tensor(DType::boolean, shape, values.data());
}

TEST(FormatTensor, Scalars) {
  EXPECT_EQ(text<std::int64_t>({}, {10}), "10");
  EXPECT_EQ(text<float>({}, {10}), "10");
  EXPECT_EQ(text<float>({}, {-0.F}), "-0");
  EXPECT_EQ(text<float>({}, {0.1F}), "0.1");
  EXPECT_EQ(text<float>({}, {1e6F}), "1e+06");
  EXPECT_EQ(text<double>({}, {1.0 / 3}), "0.3333333333333333");
  EXPECT_EQ(text<double>({}, {1e16}), "1e+16");
  EXPECT_EQ(text<double>({}, {1.5e-7}), "1.5e-07");
  EXPECT_EQ(text<float>({}, {-std::numeric_limits<float>::quiet_NaN()}), "nan");
  EXPECT_EQ(text<float>({}, {-std::numeric_limits<float>::infinity()}), "-inf");
  EXPECT_EQ(bools({}, {1}), "True");
}

TEST(FormatTensor, FloatsAlignOnThePoint) {
  EXPECT_EQ(text<float>({2, 2}, {1, 2, 3, 4}), "[[1. 2.]\n [3. 4.]]");
  EXPECT_EQ(text<float>({3}, {-1.5F, 0, 22.25F}), "[-1.5   0.   22.25]");
  EXPECT_EQ(text<double>({2}, {1.0 / 3, 2}), "[0.33333333 2.        ]");
  EXPECT_EQ(text<float>({1}, {-0.F}), "[-0.]");
}

TEST(FormatTensor, FarApartNumbersHaveExponents) {
  EXPECT_EQ(text<double>({2}, {1, 1001}), "[1.000e+00 1.001e+03]");
  EXPECT_EQ(text<double>({2}, {1e-10, 1}), "[1.e-10 1.e+00]");
  EXPECT_EQ(text<float>({2}, {1234567, 1}), "[1.234567e+06 1.000000e+00]");
  EXPECT_EQ(text<double>({2}, {1e100, 1}), "[1.e+100 1.e+000]");
}

TEST(FormatTensor, NaNAndInfinityTakeTheirPlace) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(text<float>({3}, {1, nan, -inf}), "[  1.  nan -inf]");
  EXPECT_EQ(text<float>({2}, {nan, inf}), "[nan inf]");
}

TEST(FormatTensor, IntegersAndBools) {
  EXPECT_EQ(text<std::int32_t>({3}, {1, -20, 300}), "[  1 -20 300]");
  EXPECT_EQ(bools({2}, {1, 0}), "[ True False]");
  EXPECT_EQ(text<std::int64_t>({0, 3}, {}), "[]");
}

TEST(FormatTensor, DeeperAxesAreSetApart) {
  EXPECT_EQ(text<std::int64_t>({2, 1, 2}, {1, 2, 3, 4}), "[[[1 2]]\n\n [[3 4]]]");
}

TEST(FormatTensor, LinesWrapAndLongArraysAreCut) {
  std::vector<std::int64_t> numbers(1001);
  std::iota(numbers.begin(), numbers.end(), 0);
  EXPECT_EQ(text<std::int64_t>({30}, {numbers.begin(), numbers.begin() + 30}),
            "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
            " 24 25 26 27 28 29]");
  EXPECT_EQ(text<std::int64_t>({1001}, numbers), "[   0    1    2 ...  998  999 1000]");
}

}  // namespace
}  // namespace mlpjit::support
