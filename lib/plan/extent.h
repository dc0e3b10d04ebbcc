#pragma once
// Sizes of a plan: known, or a polynomial over the batch size B of a call.

#include <array>
#include <concepts>
#include <cstdint>
#include <string>

#include "mlpjit/shape.h"

namespace mlpjit::plan {

// a + b*B + c*B*B; the square is for products such as [B, B]. A plan has one symbol at most, so its
// name is not kept here.
class Extent {
 public:
  static constexpr int kDegree = 2;

  Extent() = default;
  template <std::integral I>
  Extent(I known) : terms_{static_cast<std::int64_t>(known), 0, 0} {}  // NOLINT: sizes convert
  explicit Extent(const Dim& dim) : terms_{dim.offset(), dim.coefficient(), 0} {}

  // The highest power of B.
  int degree() const;
  bool is_known() const { return degree() == 0; }
  // Throws InternalError when it is not known.
  std::int64_t known() const;
  // For a batch size; throws ShapeError when it does not fit 63 bits.
  std::int64_t at(std::int64_t batch) const;
  // The factor of B to the power `i`.
  std::int64_t term(int i) const { return terms_[static_cast<std::size_t>(i)]; }

  // Whether it is one for every batch size.
  bool multiple_of(std::int64_t divisor) const;
  Extent divided_by(std::int64_t divisor) const;  // of which it is a multiple

  friend bool operator==(const Extent&, const Extent&) = default;
  // Throw ShapeError beyond 63 bits, InternalError beyond kDegree.
  friend Extent operator+(const Extent& a, const Extent& b);
  friend Extent operator*(const Extent& a, const Extent& b);

 private:
  std::array<std::int64_t, kDegree + 1> terms_{};
};

// The number of elements.
Extent elements(const Shape& shape);
// Whether it has no elements whatever B is.
bool is_empty(const Shape& shape);

// "64", "256*B", "B*B+3".
std::string to_string(const Extent& extent);

}  // namespace mlpjit::plan
