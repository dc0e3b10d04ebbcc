#include "lib/ir/attr.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "lib/support/bytes.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

template <class T>
Literal one_element(DType dtype, T value) {
  return make_literal(dtype, {}, &value);
}

// The contract's cast: truncates, saturates, NaN gives 0.
template <class Int>
Int saturate(double value) {
  if (std::isnan(value)) return 0;
  // -lowest is a power of two, so exact as a double; max is not.
  constexpr double kEnd = -static_cast<double>(std::numeric_limits<Int>::lowest());
  if (value >= kEnd) return std::numeric_limits<Int>::max();
  if (value < -kEnd) return std::numeric_limits<Int>::lowest();
  return static_cast<Int>(value);
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

}  // namespace

std::string to_string(const Type& type) {
  if (type.token) return "token";
  return std::string(to_string(type.dtype)) + to_string(type.shape);
}

std::size_t byte_size(const Type& type) {
  return type.token ? 0 : support::byte_size(type.dtype, type.shape);
}

bool operator==(const Literal& a, const Literal& b) {
  if (a.dtype != b.dtype || !identical(a.shape, b.shape)) return false;
  if (a.bytes == b.bytes) return true;
  return a.bytes != nullptr && b.bytes != nullptr && *a.bytes == *b.bytes;
}

Literal make_literal(DType dtype, Shape shape, const void* data) {
  const std::size_t size = support::byte_size(dtype, shape);
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  return {dtype, std::move(shape),
          std::make_shared<const std::vector<std::byte>>(std::move(bytes))};
}

Literal scalar_literal(DType dtype, double value) {
  switch (dtype) {
    case DType::f32: return one_element(dtype, static_cast<float>(value));
    case DType::f64: return one_element(dtype, value);
    case DType::i32: return one_element(dtype, saturate<std::int32_t>(value));
    case DType::i64: return one_element(dtype, saturate<std::int64_t>(value));
    case DType::boolean: return one_element(dtype, static_cast<std::uint8_t>(value != 0 ? 1 : 0));
  }
  throw InternalError("scalar_literal: unknown dtype");
}

Literal scalar_literal(DType dtype, std::int64_t value) {
  switch (dtype) {
    case DType::f32: return one_element(dtype, static_cast<float>(value));
    case DType::f64: return one_element(dtype, static_cast<double>(value));
    case DType::i32: return one_element(dtype, static_cast<std::int32_t>(value));
    case DType::i64: return one_element(dtype, value);
    case DType::boolean: return one_element(dtype, static_cast<std::uint8_t>(value != 0 ? 1 : 0));
  }
  throw InternalError("scalar_literal: unknown dtype");
}

const AttrValue* Attrs::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Attrs::set(std::string_view name, AttrValue value) {
  for (auto& [key, old] : items_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  items_.emplace_back(std::string(name), std::move(value));
}

const AttrValue& Attrs::at(std::string_view name) const {
  if (const AttrValue* value = find(name)) return *value;
  throw InternalError("an op lacks its attribute '" + std::string(name) + "'");
}

void Attrs::wrong_kind(std::string_view name) {
  throw InternalError("attribute '" + std::string(name) + "' is of another kind");
}

bool operator==(const Attrs& a, const Attrs& b) {
  if (a.items_.size() != b.items_.size()) return false;
  for (const auto& [name, value] : a.items_) {
    const AttrValue* other = b.find(name);
    if (other == nullptr || other->index() != value.index()) return false;
    if (const double* x = std::get_if<double>(&value)) {
      if (!same_bits(*x, std::get<double>(*other))) return false;
    } else if (const Shape* shape = std::get_if<Shape>(&value)) {
      if (!identical(*shape, std::get<Shape>(*other))) return false;
    } else if (!(value == *other)) {
      return false;
    }
  }
  return true;
}

std::optional<AttrValue> default_of(const AttrSpec& spec, std::span<const Type> operands) {
  const std::string_view text = spec.default_text;
  if (text.empty()) return std::nullopt;
  const std::int64_t rank = operands.empty() ? 0 : operands.front().shape.rank();
  switch (spec.kind) {
    case AttrKind::boolean: return text == "true";
    case AttrKind::integer:
      return text == "last" ? rank - 1 : static_cast<std::int64_t>(spec.default_number);
    case AttrKind::floating: return spec.default_number;
    case AttrKind::integers: {
      std::vector<std::int64_t> axes(static_cast<std::size_t>(rank));
      std::iota(axes.begin(), axes.end(), 0);
      if (text == "reversed") std::reverse(axes.begin(), axes.end());
      return axes;
    }
    default: throw InternalError("op table: no default of this kind: " + std::string(text));
  }
}

}  // namespace mlpjit::ir
