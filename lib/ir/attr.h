#pragma once
// Types of values and attributes of ops.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lib/ir/opcode.h"
#include "mlpjit/dtype.h"
#include "mlpjit/shape.h"

namespace mlpjit::ir {

// The type of an SSA value: a tensor, or a token that orders effects.
struct Type {
  DType dtype = DType::f32;
  Shape shape;
  bool token = false;

  static Type make_token() { return {DType::i64, {}, true}; }
  friend bool operator==(const Type& a, const Type& b) {
    return a.dtype == b.dtype && identical(a.shape, b.shape) && a.token == b.token;
  }
};
std::string to_string(const Type& type);  // "f32[1, 512]", "f32[]", "token"
// 0 for a token. Throws ShapeError and TraceError as support::byte_size.
std::size_t byte_size(const Type& type);

// A constant tensor, row-major; the bytes are shared and never change.
struct Literal {
  DType dtype = DType::f32;
  Shape shape;  // always static
  std::shared_ptr<const std::vector<std::byte>> bytes;

  const void* data() const { return bytes->data(); }
  Type type() const { return {dtype, shape, false}; }
  friend bool operator==(const Literal& a, const Literal& b);  // on the bits
};
Literal make_literal(DType dtype, Shape shape, const void* data);
// A 0-d literal from a double or an integer, converted to the dtype by the contract's cast.
Literal scalar_literal(DType dtype, double value);
Literal scalar_literal(DType dtype, std::int64_t value);
inline Literal scalar_literal(DType dtype, int value) {
  return scalar_literal(dtype, std::int64_t{value});
}

// The name of a function of the same graph.
struct FunctionRef {
  std::string name;
  friend bool operator==(const FunctionRef&, const FunctionRef&) = default;
};

using AttrValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                               DType, Shape, Literal, FunctionRef>;
// Index of the alternative == AttrKind.

// What an attribute is when texts and files leave it out, as the user's function of that name has
// it; nothing where it must be given.
std::optional<AttrValue> default_of(const AttrSpec& spec, std::span<const Type> operands);

// The attributes of one op, in the order of the op table. Equality is on the bits (NaN equals NaN).
class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<std::string, AttrValue>> items) : items_(items) {}

  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  const AttrValue* find(std::string_view name) const;
  void set(std::string_view name, AttrValue value);

  // Typed access; throws InternalError when absent or of another kind.
  template <class T>
  const T& get(std::string_view name) const {
    const T* value = std::get_if<T>(&at(name));
    if (value == nullptr) wrong_kind(name);
    return *value;
  }
  bool flag(std::string_view name) const { return get<bool>(name); }
  std::int64_t integer(std::string_view name) const { return get<std::int64_t>(name); }
  double floating(std::string_view name) const { return get<double>(name); }
  const std::vector<std::int64_t>& integers(std::string_view name) const {
    return get<std::vector<std::int64_t>>(name);
  }

  friend bool operator==(const Attrs& a, const Attrs& b);

 private:
  const AttrValue& at(std::string_view name) const;
  [[noreturn]] static void wrong_kind(std::string_view name);
  std::vector<std::pair<std::string, AttrValue>> items_;
};

}  // namespace mlpjit::ir
