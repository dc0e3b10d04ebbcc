#pragma once
// Arrays for the interpreter's tests: each stands at the end of its memory, right before a page
// that cannot be read.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "lib/interp/interp.h"
#include "test/programs/guarded.h"

namespace mlpjit::interp {

using test::GuardedMemory;

template <class T>
inline constexpr DType kDType = dtype_of<T>;
template <>
inline constexpr DType kDType<std::uint8_t> = DType::boolean;

template <class T>
class Array {
 public:
  explicit Array(Shape shape) : shape_(shape), memory_(std::make_shared<GuardedMemory>(bytes())) {}
  Array(Shape shape, const std::vector<T>& values) : Array(shape) {
    EXPECT_EQ(static_cast<std::size_t>(shape.size()), values.size());
    if (!values.empty()) std::memcpy(memory_->data(), values.data(), bytes());
  }
  View view() const { return {kDType<T>, shape_, memory_->data()}; }
  const Shape& shape() const { return shape_; }
  std::size_t size() const { return static_cast<std::size_t>(shape_.size()); }
  T& operator[](std::size_t i) { return reinterpret_cast<T*>(memory_->data())[i]; }
  const T& operator[](std::size_t i) const { return reinterpret_cast<T*>(memory_->data())[i]; }
  std::vector<T> values() const { return {&(*this)[0], &(*this)[0] + size()}; }

 private:
  std::size_t bytes() const { return size() * sizeof(T); }
  Shape shape_;
  std::shared_ptr<GuardedMemory> memory_;
};

// The same bits; NaN equals NaN.
template <class T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b) return a != a && b != b;
  }
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
::testing::AssertionResult same(const Array<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) {
      return ::testing::AssertionFailure()
             << "element " << i << ": " << +a[i] << " instead of " << +b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

// The instruction sets of this machine, narrowest first.
inline std::vector<support::Isa> isas() {
  std::vector<support::Isa> result;
  for (const support::Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa <= support::detect_isa()) result.push_back(isa);
  }
  return result;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  // Ordinary numbers of many sizes, and with `special` now and then one of the awkward ones.
  template <class T>
  T number(bool special) {
    if constexpr (std::is_floating_point_v<T>) {
      using Limits = std::numeric_limits<T>;
      const T awkward[] = {0,
                           -T(0),
                           1,
                           -1,
                           Limits::infinity(),
                           -Limits::infinity(),
                           Limits::quiet_NaN(),
                           Limits::denorm_min(),
                           -Limits::denorm_min(),
                           Limits::max(),
                           Limits::lowest(),
                           Limits::min()};
      if (special && integer(0, 3) == 0) return awkward[integer(0, 11)];
      return std::ldexp(std::normal_distribution<T>()(engine_), static_cast<int>(integer(-3, 3)));
    } else if constexpr (sizeof(T) == 1) {
      return static_cast<T>(integer(0, 1));
    } else {
      if (special && integer(0, 3) == 0) {
        return integer(0, 1) == 0 ? std::numeric_limits<T>::lowest()
                                  : std::numeric_limits<T>::max();
      }
      return static_cast<T>(integer(-9, 9));
    }
  }
  template <class T>
  Array<T> array(Shape shape, bool special = false) {
    Array<T> result(shape);
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = number<T>(special);
    return result;
  }

 private:
  std::mt19937_64 engine_;
};

template <class R>
Array<R> evaluate_one(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<View>& operands,
                      Shape shape, support::Isa isa) {
  Array<R> result(shape);
  const View view = result.view();
  evaluate(opcode, attrs, operands, {&view, 1}, isa);
  return result;
}

inline Shape shape_of(const std::vector<std::int64_t>& sizes) {
  return Shape(std::span<const std::int64_t>(sizes));
}

}  // namespace mlpjit::interp
