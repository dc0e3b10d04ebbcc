#pragma once
/// @file
/// Dimensions and shapes. A dimension is an integer or, in a graph, c*B + d over a named symbol B.

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mlpjit/dtype.h"
#include "mlpjit/export.h"

namespace mlpjit {

/// The largest rank of a tensor.
inline constexpr int kMaxRank = 8;

/// One dimension: `offset()` alone, or `coefficient() * symbol() + offset()`.
class MLPJIT_API Dim {
 public:
  Dim() = default;
  /// A known size. Implicit, from any integral type.
  template <std::integral Integer>
  Dim(Integer size) : offset_(static_cast<std::int64_t>(size)) {}  // NOLINT: sizes convert
  /// A symbolic size coefficient * symbol + offset. @throws ShapeError unless the symbol is a
  /// letter or _, then letters, digits, _ and dots.
  Dim(std::int64_t coefficient, std::string symbol, std::int64_t offset);

  bool is_static() const { return coefficient_ == 0; }
  std::int64_t coefficient() const { return coefficient_; }
  std::int64_t offset() const { return offset_; }
  const std::string& symbol() const& MLPJIT_LIFETIMEBOUND { return symbol_; }
  std::string symbol() const&& { return symbol_; }

  /// The size as an integer. @throws TraceError when it is symbolic, naming the ways out.
  std::int64_t value() const;
  operator std::int64_t() const { return value(); }  // NOLINT: sizes are used as integers

  /// The size once `symbol` is known to be `size`.
  Dim substitute(const std::string& symbol, std::int64_t size) const;

  /// Compares the sizes. @throws TraceError when both answers are possible: `B == 4` while B may be
  /// any size. A size is never negative, so `B + 5 == 3` is known to be false. identical() asks
  /// about the form instead.
  friend bool operator==(const Dim& a, const Dim& b) {
    return a.is_static() && b.is_static() ? a.offset_ == b.offset_ : equal_symbolic(a, b);
  }
  template <std::integral Integer>
  friend bool operator==(const Dim& a, Integer b) {
    return a == Dim(b);
  }
  /// Whether two dimensions have the same form, and so the same size for every size of their
  /// symbols: `identical(2 * B, 2 * B)`, not `identical(B, 4)`. Never throws.
  friend bool identical(const Dim& a, const Dim& b) {
    return a.coefficient_ == b.coefficient_ && a.offset_ == b.offset_ && a.symbol_ == b.symbol_;
  }
  /// Sum of two dimensions over at most one symbol. @throws ShapeError for two symbols.
  MLPJIT_API friend Dim operator+(const Dim& a, const Dim& b);
  MLPJIT_API friend Dim operator-(const Dim& a, const Dim& b);
  /// Product of two dimensions, of which one must be known. @throws ShapeError otherwise.
  MLPJIT_API friend Dim operator*(const Dim& a, const Dim& b);
  template <std::integral Integer>
  friend Dim operator+(const Dim& a, Integer b) {
    return a + Dim(b);
  }
  template <std::integral Integer>
  friend Dim operator-(const Dim& a, Integer b) {
    return a - Dim(b);
  }
  template <std::integral Integer>
  friend Dim operator*(const Dim& a, Integer b) {
    return a * Dim(b);
  }
  template <std::integral Integer>
  friend Dim operator+(Integer a, const Dim& b) {
    return Dim(a) + b;
  }
  template <std::integral Integer>
  friend Dim operator-(Integer a, const Dim& b) {
    return Dim(a) - b;
  }
  template <std::integral Integer>
  friend Dim operator*(Integer a, const Dim& b) {
    return Dim(a) * b;
  }

 private:
  static bool equal_symbolic(const Dim& a, const Dim& b);

  std::int64_t coefficient_ = 0;
  std::int64_t offset_ = 0;
  std::string symbol_;
};

bool identical(const Dim& a, const Dim& b);

/// A named symbolic dimension, for a TensorSpec: `f32({dim("B"), 512})`. @throws as Dim.
MLPJIT_API Dim dim(std::string symbol);
MLPJIT_API std::string to_string(const Dim& dim);
MLPJIT_API std::ostream& operator<<(std::ostream& out, const Dim& dim);

/// The sizes of a tensor, outermost first; at most kMaxRank of them. Cheap to copy when static.
class MLPJIT_API Shape {
 public:
  Shape() = default;
  /// @throws ShapeError on a negative size or a rank above kMaxRank.
  Shape(std::initializer_list<Dim> dims);
  explicit Shape(std::span<const std::int64_t> sizes);
  explicit Shape(std::span<const Dim> dims);
  template <std::integral Integer>
  explicit Shape(const std::vector<Integer>& sizes) {
    for (Integer size : sizes) push_back(Dim(size));
  }

  int rank() const { return rank_; }
  bool is_static() const { return symbolic_ == nullptr; }

  /// Dimension i; negative i counts from the end. @throws ShapeError out of range.
  Dim operator[](int i) const;

  /// The sizes as integers. @throws TraceError when one is symbolic.
  std::span<const std::int64_t> sizes() const& MLPJIT_LIFETIMEBOUND;
  /// Of a temporary: a copy.
  std::vector<std::int64_t> sizes() const&& {
    const std::span<const std::int64_t> view = static_cast<const Shape&>(*this).sizes();
    return std::vector<std::int64_t>(view.begin(), view.end());
  }
  /// Product of the sizes; 1 for rank 0. @throws TraceError when one is symbolic.
  std::int64_t size() const;
  /// Product of the sizes as a dimension. @throws ShapeError when it is not affine in one symbol.
  Dim size_dim() const;

  void push_back(const Dim& dim);
  void set(int i, const Dim& dim);

  Shape substitute(const std::string& symbol, std::int64_t size) const;

  /// Compares ranks and sizes. @throws TraceError when both answers are possible, as for Dim.
  MLPJIT_API friend bool operator==(const Shape& a, const Shape& b);
  /// Whether two shapes have the same rank and identical dimensions. Never throws.
  MLPJIT_API friend bool identical(const Shape& a, const Shape& b);

 private:
  std::uint8_t rank_ = 0;
  std::array<std::int64_t, kMaxRank> sizes_{};        // 0 where symbolic
  std::shared_ptr<const std::vector<Dim>> symbolic_;  // all dims, when at least one is symbolic
};

MLPJIT_API bool identical(const Shape& a, const Shape& b);

/// "[2, 3]", "[B, 512]", "[]".
MLPJIT_API std::string to_string(const Shape& shape);
MLPJIT_API std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// A dtype and a shape: what a program is traced or compiled for.
struct MLPJIT_API TensorSpec {
  DType dtype = DType::f32;
  Shape shape;

  friend bool operator==(const TensorSpec& a, const TensorSpec& b) = default;
};

/// "f32[1, 512]".
MLPJIT_API std::string to_string(const TensorSpec& spec);
MLPJIT_API std::ostream& operator<<(std::ostream& out, const TensorSpec& spec);

/// Specs of the five dtypes: `f32({1, 512})`, `i64({})`.
inline TensorSpec f32(Shape shape) {
  return {DType::f32, std::move(shape)};
}
inline TensorSpec f64(Shape shape) {
  return {DType::f64, std::move(shape)};
}
inline TensorSpec i32(Shape shape) {
  return {DType::i32, std::move(shape)};
}
inline TensorSpec i64(Shape shape) {
  return {DType::i64, std::move(shape)};
}
inline TensorSpec boolean(Shape shape) {
  return {DType::boolean, std::move(shape)};
}

}  // namespace mlpjit
