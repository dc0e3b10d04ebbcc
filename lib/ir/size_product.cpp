#include "lib/ir/size_product.h"

#include <algorithm>
#include <numeric>

namespace mlpjit::ir {

SizeProduct::SizeProduct(const Shape& shape) {
  for (int i = 0; i < shape.rank(); ++i) multiply(shape[i]);
}

void SizeProduct::multiply(const Dim& size) {
  if (size.is_static()) return multiply(size.offset());
  const std::int64_t divisor = std::gcd(size.coefficient(), size.offset());
  multiply(divisor);
  if (constant_ == 0) return;
  const Factor factor(size.symbol(), size.coefficient() / divisor, size.offset() / divisor);
  factors_.insert(std::upper_bound(factors_.begin(), factors_.end(), factor), factor);
}

void SizeProduct::multiply(std::int64_t number) {
  if (number == 0) {
    *this = SizeProduct();
    constant_ = 0;
  } else if (constant_ != 0 && __builtin_mul_overflow(constant_, number, &constant_)) {
    overflow_ = true;
    constant_ = -1;
  }
}

bool SizeProduct::is(std::int64_t number) const {
  return !overflow_ && factors_.empty() && constant_ == number;
}

std::optional<Dim> SizeProduct::as_dim() const {
  if (overflow_ || factors_.size() > 1) return std::nullopt;
  if (factors_.empty()) return Dim(constant_);
  const auto& [symbol, coefficient, offset] = factors_.front();
  std::int64_t c = 0, d = 0;
  if (__builtin_mul_overflow(coefficient, constant_, &c) ||
      __builtin_mul_overflow(offset, constant_, &d)) {
    return std::nullopt;
  }
  return Dim(c, symbol, d);
}

std::optional<SizeProduct> SizeProduct::divided_by(const SizeProduct& other) const {
  if (overflow_ || other.overflow_ || other.constant_ == 0 || constant_ % other.constant_ != 0 ||
      !std::includes(factors_.begin(), factors_.end(), other.factors_.begin(),
                     other.factors_.end())) {
    return std::nullopt;
  }
  SizeProduct quotient;
  quotient.constant_ = constant_ / other.constant_;
  std::set_difference(factors_.begin(), factors_.end(), other.factors_.begin(),
                      other.factors_.end(), std::back_inserter(quotient.factors_));
  return quotient;
}

std::string to_string(const SizeProduct& product) {
  if (product.overflow_) return "more than 2^63";
  std::string text;
  if (product.constant_ != 1 || product.factors_.empty()) text = std::to_string(product.constant_);
  for (const auto& [symbol, coefficient, offset] : product.factors_) {
    const std::string size = to_string(Dim(coefficient, symbol, offset));
    const bool sum = offset != 0 && (product.factors_.size() > 1 || product.constant_ != 1);
    text += (text.empty() ? "" : "*") + (sum ? "(" + size + ")" : size);
  }
  return text;
}

}  // namespace mlpjit::ir
