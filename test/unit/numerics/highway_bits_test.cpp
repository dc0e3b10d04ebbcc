// The Highway backend gives the scalar backend's bits, for every function, on each target that has
// it.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "test/unit/numerics/highway_bits_test.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "lib/numerics/highway_elementwise-inl.h"

#ifndef MLPJIT_TEST_NUMERICS_TARGETS
#define MLPJIT_TEST_NUMERICS_TARGETS
namespace mlpjit::test {

// Attributes that are not representable exactly, so that their rounding is seen too.
inline constexpr numerics::Params kParams{.alpha = 0.1, .min = -1.7, .max = 2.3};

template <class T>
using Kernel = void (*)(const T* x, const T* y, T* out, std::size_t count);

// One function on one target, over the arrays (x, y and, for the third operand, y again).
template <class T>
struct Candidate {
  std::string target;
  std::int64_t target_bit;
  ir::Opcode opcode;
  Kernel<T> kernel;
};

template <class T>
std::vector<Candidate<T>>& candidates() {
  static std::vector<Candidate<T>> list;
  return list;
}

}  // namespace mlpjit::test
#endif

#if MLPJIT_NUMERICS_HAVE_HIGHWAY
HWY_BEFORE_NAMESPACE();
namespace mlpjit::test::HWY_NAMESPACE {

template <ir::Opcode opcode, class T>
HWY_NOINLINE void kernel(const T* x, const T* y, T* out, std::size_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
  const numerics::HWY_NAMESPACE::HighwayBackend<T> backend;
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const hn::Vec<decltype(d)> operands[] = {hn::LoadU(d, x + i), hn::LoadU(d, y + i),
                                             hn::LoadU(d, y + i)};
    hn::StoreU(numerics::HWY_NAMESPACE::apply<opcode>(backend, operands, kParams), d, out + i);
  }
}

template <class T>
bool add_all() {
#define MLPJIT_NUMERICS_FUNCTION(name, form, ...) \
  candidates<T>().push_back(                      \
      {hwy::TargetName(HWY_TARGET), HWY_TARGET, ir::Opcode::name, &kernel<ir::Opcode::name, T>});
#include "lib/numerics/functions.def"
  return true;
}
const bool added_f32 = add_all<float>();
const bool added_f64 = add_all<double>();

}  // namespace mlpjit::test::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace mlpjit::test {
namespace {

template <class T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values;
  for (const T x : {T{0},
                    T{1},
                    T{2},
                    T{3},
                    T{0.5},
                    T{1.5},
                    T{2.5},
                    T(0.1),
                    T(0.7853981633974483),
                    T(1.5707963267948966),
                    T(88.7),
                    T(103.9),
                    T(709.7),
                    T(745.1),
                    T(1e10),
                    T(1e30),
                    Limits::min(),
                    Limits::denorm_min(),
                    Limits::epsilon(),
                    Limits::max(),
                    Limits::infinity(),
                    Limits::quiet_NaN(),
                    T(0x1p23),
                    T(0x1p24) + 2,
                    T(0x1p52)}) {
    for (const T y : {x, std::nextafter(x, T{0}), std::nextafter(x, Limits::infinity())}) {
      values.push_back(y);
      values.push_back(-y);
    }
  }
  return values;
}

// All pairs of special values; any bits; and moderate numbers.
template <class T>
void fill(std::vector<T>& x, std::vector<T>& y) {
  const std::vector<T> special = special_values<T>();
  for (const T a : special) {
    for (const T b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  std::mt19937_64 random(7);
  const auto any = [&] { return std::bit_cast<T>(static_cast<Bits>(random())); };
  const auto moderate = [&] {
    const double unit = static_cast<double>(random() >> 11) * 0x1p-52 - 1;
    return static_cast<T>(std::ldexp(unit, static_cast<int>(random() % 16) - 6));
  };
  for (int i = 0; i < 20000; ++i) {
    x.push_back(any());
    y.push_back(any());
    x.push_back(moderate());
    y.push_back(moderate());
  }
  while (x.size() % 16 != 0) {
    x.push_back(1);
    y.push_back(1);
  }
}

template <class T>
bool same_bits(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
void expect_scalar_bits() {
  std::vector<T> x, y;
  fill(x, y);
  std::vector<T> expected(x.size()), actual(x.size());
  bool tested = false;
  // Candidates of one op stand far apart (one block per target): group by op, compute the scalar
  // once.
  for (const Candidate<T>& first : candidates<T>()) {
    if (first.target != candidates<T>().front().target) break;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const T operands[] = {x[i], y[i], y[i]};
      expected[i] = numerics::apply(numerics::ScalarBackend<T>{}, first.opcode, operands, kParams);
    }
    for (const Candidate<T>& candidate : candidates<T>()) {
      if (candidate.opcode != first.opcode) continue;
      if ((hwy::SupportedTargets() & candidate.target_bit) == 0) continue;
      tested = true;
      candidate.kernel(x.data(), y.data(), actual.data(), x.size());
      int faults = 0;
      for (std::size_t i = 0; i < x.size() && faults < 3; ++i) {
        if (same_bits(expected[i], actual[i])) continue;
        ++faults;
        ADD_FAILURE() << candidate.target << " opcode " << static_cast<int>(candidate.opcode)
                      << std::hexfloat << " of " << x[i] << ", " << y[i] << ": " << actual[i]
                      << ", scalar " << expected[i];
      }
    }
  }
  // SupportedTargets() knows only this CPU; both targets are compiled in wherever one is.
  if (!tested) GTEST_SKIP() << "this CPU has no fused multiply-add";
}

TEST(HighwayBackend, GivesTheScalarBitsInF32) {
  expect_scalar_bits<float>();
}
TEST(HighwayBackend, GivesTheScalarBitsInF64) {
  expect_scalar_bits<double>();
}

}  // namespace
}  // namespace mlpjit::test
#endif
