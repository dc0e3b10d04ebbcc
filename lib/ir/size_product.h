#pragma once
// Numbers of elements. A size of a shape is an integer or c*B + d, but the product of several may
// be more than one size can say: B*T, B*B.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "mlpjit/shape.h"

namespace mlpjit::ir {

// A constant and affine factors c*B + d, whose c and d have no common divisor. Integer polynomials
// factor uniquely, so two products are equal exactly when these are.
class SizeProduct {
 public:
  SizeProduct() = default;
  explicit SizeProduct(const Shape& shape);

  void multiply(const Dim& size);
  bool is(std::int64_t number) const;
  // As one size; nothing when it is more than that, or beyond 2^63.
  std::optional<Dim> as_dim() const;
  // The product that gives this one when multiplied by `other`; nothing when there is none or,
  // where both are 0, more than one.
  std::optional<SizeProduct> divided_by(const SizeProduct& other) const;

  // False where numbers beyond 2^63 were multiplied.
  friend bool operator==(const SizeProduct& a, const SizeProduct& b) {
    return !a.overflow_ && !b.overflow_ && a.constant_ == b.constant_ && a.factors_ == b.factors_;
  }
  // "12", "3*B*T", "2*B*(B+1)".
  friend std::string to_string(const SizeProduct& product);

 private:
  using Factor = std::tuple<std::string, std::int64_t, std::int64_t>;  // symbol, c, d
  void multiply(std::int64_t number);

  std::int64_t constant_ = 1;
  bool overflow_ = false;
  std::vector<Factor> factors_;  // ascending
};

}  // namespace mlpjit::ir
