#include "lib/plan/extent.h"

#include <algorithm>

#include <fmt/format.h>

#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

[[noreturn]] void fail_large(const char* what) {
  throw ShapeError(fmt::format("a {} of sizes beyond 2^63", what));
}

std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) fail_large("sum");
  return result;
}

std::int64_t product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) fail_large("product");
  return result;
}

}  // namespace

int Extent::degree() const {
  int degree = kDegree;
  while (degree > 0 && term(degree) == 0) --degree;
  return degree;
}

std::int64_t Extent::known() const {
  if (!is_known()) throw InternalError("plan: the size " + to_string(*this) + " is not known");
  return terms_[0];
}

std::int64_t Extent::at(std::int64_t batch) const {
  std::int64_t result = 0;
  for (int i = degree(); i >= 0; --i) result = sum(product(result, batch), term(i));
  return result;
}

bool Extent::multiple_of(std::int64_t divisor) const {
  return std::all_of(terms_.begin(), terms_.end(),
                     [&](std::int64_t term) { return term % divisor == 0; });
}

Extent Extent::divided_by(std::int64_t divisor) const {
  Extent result = *this;
  for (std::int64_t& term : result.terms_) term /= divisor;
  return result;
}

Extent operator+(const Extent& a, const Extent& b) {
  Extent result = a;
  for (std::size_t i = 0; i < result.terms_.size(); ++i)
    result.terms_[i] = sum(result.terms_[i], b.terms_[i]);
  return result;
}

Extent operator*(const Extent& a, const Extent& b) {
  Extent result;
  for (int i = 0; i <= a.degree(); ++i) {
    for (int j = 0; j <= b.degree(); ++j) {
      const std::int64_t term = product(a.term(i), b.term(j));
      if (term == 0) continue;
      if (i + j > Extent::kDegree)
        throw InternalError("plan: a product of sizes with B to the power " +
                            std::to_string(i + j));
      std::int64_t& to = result.terms_[static_cast<std::size_t>(i + j)];
      to = sum(to, term);
    }
  }
  return result;
}

Extent elements(const Shape& shape) {
  if (shape.is_static()) return shape.size();
  if (is_empty(shape)) return 0;
  Extent result = 1;
  for (int i = 0; i < shape.rank(); ++i) result = result * Extent(shape[i]);
  return result;
}

bool is_empty(const Shape& shape) {
  for (int i = 0; i < shape.rank(); ++i) {
    if (identical(shape[i], 0)) return true;
  }
  return false;
}

std::string to_string(const Extent& extent) {
  std::string text;
  for (int i = Extent::kDegree; i >= 0; --i) {
    const std::int64_t term = extent.term(i);
    if (term == 0 && !(i == 0 && text.empty())) continue;
    if (!text.empty() && term > 0) text += '+';
    static constexpr const char* kPowers[] = {"", "B", "B*B"};
    if (i == 0 || term != 1) text += fmt::format("{}{}", term, i == 0 ? "" : "*");
    text += kPowers[i];
  }
  return text;
}

}  // namespace mlpjit::plan
