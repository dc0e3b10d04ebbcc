// Dimensions, shapes and specs: include/mlpjit/{dtype,shape}.h.

#include "mlpjit/shape.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>

#include "lib/support/unanswered.h"
#include "mlpjit/error.h"

namespace mlpjit {

namespace {

// Sizes computed without overflow.
[[noreturn]] void fail_size(const char* what, std::int64_t a, std::int64_t b) {
  throw ShapeError(std::string("expected a ") + what + " of sizes below 2^63, got " +
                   std::to_string(a) + " and " + std::to_string(b));
}

std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result;
  if (__builtin_add_overflow(a, b, &result)) fail_size("sum", a, b);
  return result;
}

std::int64_t difference(std::int64_t a, std::int64_t b) {
  std::int64_t result;
  if (__builtin_sub_overflow(a, b, &result)) fail_size("difference", a, b);
  return result;
}

std::int64_t product(std::int64_t a, std::int64_t b) {
  std::int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) fail_size("product", a, b);
  return result;
}

void check_symbols(const char* what, const Dim& a, const Dim& b) {
  if (a.is_static() || b.is_static() || a.symbol() == b.symbol()) return;
  throw ShapeError(std::string(what) + " of the dimensions " + to_string(a) + " and " +
                   to_string(b) + ": expected at most one symbol; reshape to keep them apart");
}

const std::string& symbol_of(const Dim& a, const Dim& b) {
  return a.is_static() ? b.symbol() : a.symbol();
}

void check_size(const Dim& dim) {
  if (dim.is_static() && dim.offset() < 0) {
    throw ShapeError("a dimension of size " + std::to_string(dim.offset()) +
                     ": expected a size of at least 0");
  }
}

// Whether two dimensions are equal, where that is so, or not so, for every size >= 0 of the symbol.
std::optional<bool> known_equal(const Dim& a, const Dim& b) {
  if (identical(a, b)) return true;
  if (!a.is_static() && !b.is_static() && a.symbol() != b.symbol()) return std::nullopt;
  // Equal where coefficient * symbol == offset.
  std::int64_t coefficient, offset;
  if (__builtin_sub_overflow(a.coefficient(), b.coefficient(), &coefficient) ||
      __builtin_sub_overflow(b.offset(), a.offset(), &offset)) {
    return std::nullopt;
  }
  if (coefficient == 0 || (offset != 0 && (offset < 0) != (coefficient < 0))) return false;
  if (coefficient != -1 && offset % coefficient != 0) return false;
  return std::nullopt;
}

[[noreturn]] void fail_comparison(const char* what, const std::string& a, const std::string& b) {
  ++support::unanswered();
  throw TraceError(std::string("comparing the ") + what + " " + a + " and " + b +
                   ": whether they are equal is not known while tracing, the symbol may be any "
                   "size. Ways out: trace with an exact shape, ask mlpjit::identical() whether "
                   "they are written alike, go over rows with scan(body, carry, xs), or compare "
                   "outside the trace");
}

// As names are in the text form. Not <cctype>: that depends on the locale.
bool is_identifier(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.'; });
}

std::vector<Dim> all_dims(const Shape& shape) {
  std::vector<Dim> dims;
  for (int i = 0; i < shape.rank(); ++i) dims.push_back(shape[i]);
  return dims;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, DType dtype) {
  return out << to_string(dtype);
}

Dim::Dim(std::int64_t coefficient, std::string symbol, std::int64_t offset)
    : coefficient_(coefficient), offset_(offset) {
  if (coefficient == 0) return;
  if (!is_identifier(symbol)) {
    throw ShapeError("a dimension named \"" + symbol +
                     "\": expected a letter or _, then letters, digits, _ and dots");
  }
  symbol_ = std::move(symbol);
}

std::int64_t Dim::value() const {
  if (!is_static()) {
    ++support::unanswered();
    throw TraceError(
        "the dimension " + to_string(*this) +
        " is symbolic: its size is not known while tracing. Ways out: trace with an "
        "exact shape, use -1 in reshape, go over the rows with scan(body, carry, xs), or "
        "compute with the shape outside the trace");
  }
  return offset_;
}

bool Dim::equal_symbolic(const Dim& a, const Dim& b) {
  const std::optional<bool> equal = known_equal(a, b);
  if (!equal) fail_comparison("dimensions", to_string(a), to_string(b));
  return *equal;
}

Dim Dim::substitute(const std::string& symbol, std::int64_t size) const {
  if (is_static() || symbol_ != symbol) return *this;
  return Dim(sum(product(coefficient_, size), offset_));
}

Dim operator+(const Dim& a, const Dim& b) {
  check_symbols("sum", a, b);
  return {sum(a.coefficient_, b.coefficient_), symbol_of(a, b), sum(a.offset_, b.offset_)};
}

Dim operator-(const Dim& a, const Dim& b) {
  check_symbols("difference", a, b);
  return {difference(a.coefficient_, b.coefficient_), symbol_of(a, b),
          difference(a.offset_, b.offset_)};
}

Dim operator*(const Dim& a, const Dim& b) {
  if (!a.is_static() && !b.is_static()) {
    throw ShapeError("product of the dimensions " + to_string(a) + " and " + to_string(b) +
                     ": expected at least one known size");
  }
  const Dim& known = a.is_static() ? a : b;
  const Dim& other = a.is_static() ? b : a;
  return {product(known.offset_, other.coefficient_), other.symbol_,
          product(known.offset_, other.offset_)};
}

Dim dim(std::string symbol) {
  return {1, std::move(symbol), 0};
}

std::string to_string(const Dim& dim) {
  if (dim.is_static()) return std::to_string(dim.offset());
  ++support::size_texts();
  std::string text;
  if (dim.coefficient() == -1)
    text += "-";
  else if (dim.coefficient() != 1)
    text += std::to_string(dim.coefficient()) + "*";
  text += dim.symbol();
  if (dim.offset() > 0) text += "+" + std::to_string(dim.offset());
  if (dim.offset() < 0) text += std::to_string(dim.offset());
  return text;
}

std::ostream& operator<<(std::ostream& out, const Dim& dim) {
  return out << to_string(dim);
}

Shape::Shape(std::initializer_list<Dim> dims) : Shape(std::span(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const std::int64_t> sizes) {
  for (const std::int64_t size : sizes) push_back(Dim(size));
}

Shape::Shape(std::span<const Dim> dims) {
  for (const Dim& d : dims) push_back(d);
}

Dim Shape::operator[](int i) const {
  const int axis = i < 0 ? i + rank_ : i;
  if (axis < 0 || axis >= rank_) {
    throw ShapeError("dimension " + std::to_string(i) + " of the shape " + to_string(*this) +
                     ": expected an index from " + std::to_string(-rank_) + " to " +
                     std::to_string(rank_ - 1));
  }
  if (symbolic_) return (*symbolic_)[static_cast<std::size_t>(axis)];
  return Dim(sizes_[static_cast<std::size_t>(axis)]);
}

std::span<const std::int64_t> Shape::sizes() const& {
  if (symbolic_) {
    for (const Dim& d : *symbolic_) static_cast<void>(d.value());  // throws for the symbolic one
  }
  return {sizes_.data(), rank_};
}

std::int64_t Shape::size() const {
  const std::span<const std::int64_t> dims = sizes();
  // An empty tensor is empty however large its other sizes are.
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : dims) {
    if (__builtin_mul_overflow(count, size, &count)) {
      throw ShapeError("expected a tensor of at most 2^63 - 1 elements, got the shape " +
                       to_string(*this));
    }
  }
  return count;
}

Dim Shape::size_dim() const {
  if (is_static()) return Dim(size());
  Dim count(1);
  for (const Dim& d : *symbolic_) count = count * d;
  return count;
}

void Shape::push_back(const Dim& dim) {
  if (rank_ == kMaxRank) {
    throw ShapeError("a shape of more than " + std::to_string(kMaxRank) +
                     " dimensions: " + to_string(*this) + " and one more of " + to_string(dim));
  }
  check_size(dim);
  if (symbolic_ || !dim.is_static()) {
    std::vector<Dim> dims = all_dims(*this);
    dims.push_back(dim);
    symbolic_ = std::make_shared<const std::vector<Dim>>(std::move(dims));
  }
  sizes_[rank_] = dim.is_static() ? dim.offset() : 0;
  ++rank_;
}

void Shape::set(int i, const Dim& dim) {
  const int axis = i < 0 ? i + rank_ : i;
  if (axis < 0 || axis >= rank_) static_cast<void>((*this)[i]);  // throws
  check_size(dim);
  const auto at = static_cast<std::size_t>(axis);
  if (symbolic_ || !dim.is_static()) {
    std::vector<Dim> dims = all_dims(*this);
    dims[at] = dim;
    const bool all_static =
        std::all_of(dims.begin(), dims.end(), [](const Dim& d) { return d.is_static(); });
    symbolic_ = all_static ? nullptr : std::make_shared<const std::vector<Dim>>(std::move(dims));
  }
  sizes_[at] = dim.is_static() ? dim.offset() : 0;
}

Shape Shape::substitute(const std::string& symbol, std::int64_t size) const {
  if (is_static()) return *this;
  Shape result;
  for (const Dim& d : *symbolic_) result.push_back(d.substitute(symbol, size));
  return result;
}

bool operator==(const Shape& a, const Shape& b) {
  if (a.is_static() && b.is_static()) return identical(a, b);
  if (a.rank_ != b.rank_) return false;
  bool known = true;
  for (int i = 0; i < a.rank_; ++i) {
    const std::optional<bool> equal = known_equal(a[i], b[i]);
    if (equal == false) return false;
    known = known && equal.has_value();
  }
  if (!known) fail_comparison("shapes", to_string(a), to_string(b));
  return true;
}

bool identical(const Shape& a, const Shape& b) {
  if (a.rank_ != b.rank_ || a.is_static() != b.is_static()) return false;
  if (a.is_static())
    return std::equal(a.sizes_.begin(), a.sizes_.begin() + a.rank_, b.sizes_.begin());
  return std::equal(a.symbolic_->begin(), a.symbolic_->end(), b.symbolic_->begin(),
                    [](const Dim& x, const Dim& y) { return identical(x, y); });
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) text += ", ";
    text += to_string(shape[i]);
  }
  return text + "]";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << to_string(shape);
}

std::string to_string(const TensorSpec& spec) {
  return std::string(to_string(spec.dtype)) + to_string(spec.shape);
}

std::ostream& operator<<(std::ostream& out, const TensorSpec& spec) {
  return out << to_string(spec);
}

}  // namespace mlpjit
