// floor_divide and remainder of floats against numpy's bits. Quotients that numpy rounds wrongly (4
// of 1,000 random ones) are the floors of the exact ones.

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "lib/numerics/elementwise.h"
#include "lib/numerics/remainder.h"

namespace mlpjit::numerics {
namespace {

template <class T>
T quotient(T x, T y) {
  return floor_divide(ScalarBackend<T>{}, x, y);
}

// One pattern for all NaN: payload and sign are not defined.
template <class T>
std::uint64_t pattern(T x) {
  using Bits = std::make_unsigned_t<IntOf<T>>;
  return std::isnan(x) ? std::numeric_limits<Bits>::max() : std::bit_cast<Bits>(x);
}

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Row {
  float x, y, remainder, quotient;
};
constexpr Row kTable[] = {
    {0x1p+0F, 0x1.99999ap-4F, 0x1.999996p-4F, 0x1.2p+3F},
    {0x1.2a05f2p+33F, 0x1.8p+1F, 0x1p+0F, 0x1.8d5d42p+31F},
    {0x1.8p+1F, kInf, 0x1.8p+1F, 0.0F},
    {-0x1p+0F, kInf, kInf, -0x1p+0F},
    {0x1.8p+1F, -kInf, -kInf, -0x1p+0F},
    {-0x1.8p+1F, -kInf, -0x1.8p+1F, 0.0F},
    {0.0F, kInf, 0.0F, 0.0F},
    {-0.0F, kInf, 0.0F, -0.0F},
    {0.0F, -kInf, -0.0F, -0.0F},
    {0x1.4p+2F, 0x1.8p+1F, 0x1p+1F, 0x1p+0F},
    {-0x1.4p+2F, 0x1.8p+1F, 0x1p+0F, -0x1p+1F},
    {0x1.4p+2F, -0x1.8p+1F, -0x1p+0F, -0x1p+1F},
    {-0x1.4p+2F, -0x1.8p+1F, -0x1p+1F, 0x1p+0F},
    {0x1.8p+2F, 0x1.8p+1F, 0.0F, 0x1p+1F},
    {-0x1.8p+2F, 0x1.8p+1F, 0.0F, -0x1p+1F},
    {0x1.8p+2F, -0x1.8p+1F, -0.0F, -0x1p+1F},
    {0.0F, -0x1p+1F, -0.0F, -0.0F},
    {-0.0F, 0x1p+1F, 0.0F, -0.0F},
    {0x1p-149F, 0x1.2ced32p+126F, 0x1p-149F, 0.0F},
    {-0x1p-149F, 0x1.2ced32p+126F, 0x1.2ced32p+126F, -0x1p+0F},
    {-0x1p-149F, 0x1p+0F, 0x1p+0F, -0x1p+0F},
    {0x1p+0F, 0.0F, kNaN, kInf},
    {-0x1p+0F, 0.0F, kNaN, -kInf},
    {0.0F, 0.0F, kNaN, kNaN},
    {0x1p+0F, -0.0F, kNaN, -kInf},
    {kInf, 0x1p+1F, kNaN, kNaN},
    {-kInf, kInf, kNaN, kNaN},
    {kInf, 0.0F, kNaN, kInf},
    {kNaN, 0x1p+0F, kNaN, kNaN},
    {0x1p+0F, kNaN, kNaN, kNaN},
    {0x1.fffffep+127F, 0x1p-149F, 0.0F, kInf},
    {0x1.fffffep+127F, 0x1.333334p-2F, 0x1.0f635p-3F, kInf},
    {0x1.333334p-2F, 0x1.99999ap-4F, 0x1p-27F, 0x1.8p+1F},
    {0x1.ccccccp-1F, 0x1.99999ap-4F, 0x1.99999p-4F, 0x1p+3F},
    {0x1.ep+2F, -0x1p-1F, -0.0F, -0x1.ep+3F},
    {0x1p+24F, 0x1.8p+1F, 0x1p+0F, 0x1.555554p+22F},
    {-0x1p+24F, 0x1p+1F, 0.0F, -0x1p+23F},
};

TEST(FloatDivision, HasNumpysBits) {
  for (const Row& row : kTable) {
    EXPECT_EQ(pattern(remainder(row.x, row.y)), pattern(row.remainder)) << row.x << " " << row.y;
    EXPECT_EQ(pattern(quotient(row.x, row.y)), pattern(row.quotient)) << row.x << " " << row.y;
  }
}

// FNV-1a over the bytes of the results, lowest first.
class Hash {
 public:
  template <class T>
  void add(T x) {
    const std::uint64_t bits = pattern(x);
    for (unsigned i = 0; i < sizeof(T); ++i) {
      value_ = (value_ ^ ((bits >> (8 * i)) & 255)) * 0x100000001b3;
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

struct Hashes {
  std::uint64_t remainder, quotient;
  friend bool operator==(const Hashes&, const Hashes&) = default;
};

template <class T>
class Both {
 public:
  void add(T x, T y) {
    remainders_.add(remainder(x, y));
    quotients_.add(quotient(x, y));
  }
  Hashes hashes() const { return {remainders_.value(), quotients_.value()}; }

 private:
  Hash remainders_, quotients_;
};

template <class T>
Hashes of_all_pairs(const std::vector<T>& values) {
  Both<T> both;
  for (const T x : values) {
    for (const T y : values) both.add(x, y);
  }
  return both.hashes();
}

// Made by numpy 2 from the same pairs.
TEST(FloatDivision, HasNumpysBitsForAllPairsOfSpecialValues) {
  std::vector<float> narrow = {0.0F, -0.0F, 0x1p-149F, -0x1p-149F, 0x1p-126F};
  std::vector<double> wide = {0.0, -0.0, 0x1p-1074, -0x1p-1074, 0x1p-1022};
  for (const double x :
       {0.1, -0.1, 0.3, -0.3, 0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0, 7.0, -7.0}) {
    narrow.push_back(static_cast<float>(x));
    wide.push_back(x);
  }
  for (const float x : {16777215.F, 16777216.F, -16777217.F, 1e10F, -1e10F, 0x1.fffffep+127F,
                        -0x1.fffffep+127F, kInf, -kInf, kNaN}) {
    narrow.push_back(x);
  }
  const double inf = kInf, nan = kNaN, largest = std::numeric_limits<double>::max();
  for (const double x : {9007199254740991.0, 9007199254740992.0, -9007199254740993.0, 1e300, -1e300,
                         largest, -largest, inf, -inf, nan}) {
    wide.push_back(x);
  }
  EXPECT_EQ(of_all_pairs(narrow), (Hashes{0x9263a4c640710b5d, 0x568657ba23b3b518}));
  EXPECT_EQ(of_all_pairs(wide), (Hashes{0x3b5b875860b2bdd0, 0x1d86e366a96c9a7b}));
}

std::uint64_t splitmix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// 20,000 pairs: any bits, and by turns a divisor whose exponent is a little smaller.
template <class T>
Hashes of_random_pairs() {
  using Bits = std::make_unsigned_t<IntOf<T>>;
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr int kWidth = static_cast<int>(8 * sizeof(T));
  constexpr Bits kExponent = (Bits{1} << (kWidth - 1)) - (Bits{1} << kMantissa);
  Both<T> both;
  std::uint64_t state = 1;
  for (int i = 0; i < 20000; ++i) {
    const auto x = static_cast<Bits>(splitmix(state) >> (64 - kWidth));
    auto y = static_cast<Bits>(splitmix(state) >> (64 - kWidth));
    if (i % 2 == 1) {
      const auto below = static_cast<int>((x & kExponent) >> kMantissa) - (i / 2) % kWidth;
      y = (y & ~kExponent) | (static_cast<Bits>(below < 1 ? 1 : below) << kMantissa);
    }
    both.add(std::bit_cast<T>(x), std::bit_cast<T>(y));
  }
  return both.hashes();
}

TEST(FloatDivision, HasNumpysBitsForRandomPairs) {
  EXPECT_EQ(of_random_pairs<float>(), (Hashes{0x6a764367090be1c4, 0xd157fdfc0df6e07c}));
  EXPECT_EQ(of_random_pairs<double>(), (Hashes{0xc5e4ac54b8ba2aa7, 0x162460d2589fdae3}));
}

}  // namespace
}  // namespace mlpjit::numerics
