// Dimensions, shapes and specs: include/mlpjit/{dtype,shape}.h.

#include "mlpjit/shape.h"

#include <algorithm>
#include <ostream>

#include "mlpjit/error.h"

namespace mlpjit {

namespace {

// Sizes multiplied without overflow; shapes that cannot exist are refused.
std::int64_t checked_multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw ShapeError("a tensor of more than 2^63 elements: sizes " + std::to_string(a) + " and " +
                     std::to_string(b) + " cannot be multiplied");
  }
  return product;
}

void check_symbols(const char* what, const Dim& a, const Dim& b) {
  if (a.is_static() || b.is_static() || a.symbol() == b.symbol()) return;
  throw ShapeError(std::string(what) + " of the dimensions " + to_string(a) + " and " +
                   to_string(b) + ": expected at most one symbol; reshape to keep them apart");
}

const std::string& symbol_of(const Dim& a, const Dim& b) {
  return a.is_static() ? b.symbol() : a.symbol();
}

}  // namespace

std::ostream& operator<<(std::ostream& out, DType dtype) {
  return out << to_string(dtype);
}

Dim::Dim(std::int64_t coefficient, std::string symbol, std::int64_t offset)
    : coefficient_(coefficient), offset_(offset) {
  if (coefficient != 0) symbol_ = std::move(symbol);
}

std::int64_t Dim::value() const {
  if (!is_static()) {
    throw TraceError("the dimension " + to_string(*this) +
                     " is symbolic: its size is not known while tracing. Ways out: trace with an "
                     "exact shape, use -1 in reshape, or compute with the shape outside the trace");
  }
  return offset_;
}

Dim Dim::substitute(const std::string& symbol, std::int64_t size) const {
  if (is_static() || symbol_ != symbol) return *this;
  return Dim(checked_multiply(coefficient_, size) + offset_);
}

Dim operator+(const Dim& a, const Dim& b) {
  check_symbols("sum", a, b);
  return {a.coefficient_ + b.coefficient_, symbol_of(a, b), a.offset_ + b.offset_};
}

Dim operator-(const Dim& a, const Dim& b) {
  check_symbols("difference", a, b);
  return {a.coefficient_ - b.coefficient_, symbol_of(a, b), a.offset_ - b.offset_};
}

Dim operator*(const Dim& a, const Dim& b) {
  if (!a.is_static() && !b.is_static()) {
    throw ShapeError("product of the dimensions " + to_string(a) + " and " + to_string(b) +
                     ": expected at least one known size");
  }
  const Dim& known = a.is_static() ? a : b;
  const Dim& other = a.is_static() ? b : a;
  return {checked_multiply(known.offset_, other.coefficient_), other.symbol_,
          checked_multiply(known.offset_, other.offset_)};
}

Dim dim(std::string symbol) {
  return {1, std::move(symbol), 0};
}

std::string to_string(const Dim& dim) {
  if (dim.is_static()) return std::to_string(dim.offset());
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

std::span<const std::int64_t> Shape::sizes() const {
  if (symbolic_) {
    for (const Dim& d : *symbolic_) static_cast<void>(d.value());  // throws for the symbolic one
  }
  return {sizes_.data(), rank_};
}

std::int64_t Shape::size() const {
  const std::span<const std::int64_t> dims = sizes();
  std::int64_t product = 1;
  for (const std::int64_t size : dims) {
    // An empty tensor is empty however large its other sizes are.
    if (size == 0) return 0;
  }
  for (const std::int64_t size : dims) product = checked_multiply(product, size);
  return product;
}

Dim Shape::size_dim() const {
  if (is_static()) return Dim(size());
  Dim product(1);
  for (const Dim& d : *symbolic_) product = product * d;
  return product;
}

void Shape::push_back(const Dim& dim) {
  if (rank_ == kMaxRank) {
    throw ShapeError("a shape of more than " + std::to_string(kMaxRank) +
                     " dimensions: " + to_string(*this) + " and one more of " + to_string(dim));
  }
  ++rank_;
  if (symbolic_) {
    auto dims = std::make_shared<std::vector<Dim>>(*symbolic_);
    dims->push_back(Dim());
    symbolic_ = std::move(dims);
  }
  set(rank_ - 1, dim);
}

void Shape::set(int i, const Dim& dim) {
  const int axis = i < 0 ? i + rank_ : i;
  if (axis < 0 || axis >= rank_) static_cast<void>((*this)[i]);  // throws
  if (dim.is_static() && dim.offset() < 0) {
    throw ShapeError("a dimension of size " + std::to_string(dim.offset()) +
                     ": expected a size of at least 0");
  }
  const auto at = static_cast<std::size_t>(axis);
  if (dim.is_static() && !symbolic_) {
    sizes_[at] = dim.offset();
    return;
  }
  std::vector<Dim> dims;
  for (int d = 0; d < rank_; ++d) dims.push_back((*this)[d]);
  dims[at] = dim;
  sizes_[at] = dim.is_static() ? dim.offset() : 0;
  const bool all_static =
      std::all_of(dims.begin(), dims.end(), [](const Dim& d) { return d.is_static(); });
  symbolic_ = all_static ? nullptr : std::make_shared<const std::vector<Dim>>(std::move(dims));
}

Shape Shape::substitute(const std::string& symbol, std::int64_t size) const {
  if (is_static()) return *this;
  Shape result;
  for (const Dim& d : *symbolic_) result.push_back(d.substitute(symbol, size));
  return result;
}

bool operator==(const Shape& a, const Shape& b) {
  if (a.rank_ != b.rank_ || a.is_static() != b.is_static()) return false;
  if (!a.is_static()) return *a.symbolic_ == *b.symbolic_;
  return std::equal(a.sizes_.begin(), a.sizes_.begin() + a.rank_, b.sizes_.begin());
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
