#pragma once
// The naive reference: one plain scalar loop per op, written from docs/numerics.md and sharing no
// code with the interpreter, its kernels or the numerics library. Covers the ops that are linear or
// exactly defined; the others (exp and what is made of it) are compared between modes and against
// error bounds elsewhere.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/ir/attr.h"
#include "lib/ir/opcode.h"

namespace mlpjit::reference {

// A dense row-major array; elements as they are stored.
struct Array {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;

  std::int64_t size() const;
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
};

Array make_array(DType dtype, std::vector<std::int64_t> shape);

// The results of an op, of the types given; nothing when the reference does not define the op.
// Operands must be valid: an op that would fail at run time is not asked for.
std::optional<std::vector<Array>> evaluate(ir::Opcode opcode, const ir::Attrs& attrs,
                                           const std::vector<Array>& operands,
                                           const std::vector<ir::Type>& results);

// Same dtype, shape and bits; any NaN equals any NaN.
bool same_bits(const Array& a, const Array& b);

// The families of ops, one file each; they return false for an op that is not theirs.
bool elementwise(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<Array>& in,
                 std::vector<Array>& out);
bool contraction(ir::Opcode opcode, const std::vector<Array>& in, std::vector<Array>& out);
bool reduction(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<Array>& in,
               std::vector<Array>& out);
bool movement(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<Array>& in,
              std::vector<Array>& out);

// Calls fn with a value of the C++ type of the dtype; bool is stored as unsigned char.
template <class Fn>
decltype(auto) with_type(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::f32: return fn(float{});
    case DType::f64: return fn(double{});
    case DType::i32: return fn(std::int32_t{});
    case DType::i64: return fn(std::int64_t{});
    default: return fn(static_cast<unsigned char>(0));
  }
}

// Row-major counting through a shape: coordinates of element i, and the offset of coordinates.
std::vector<std::int64_t> coordinates(std::int64_t i, const std::vector<std::int64_t>& shape);
std::int64_t offset(const std::vector<std::int64_t>& at, const std::vector<std::int64_t>& shape);
// Offset in an operand that broadcasts to the shape `at` belongs to.
std::int64_t broadcast_offset(const std::vector<std::int64_t>& at,
                              const std::vector<std::int64_t>& operand);

}  // namespace mlpjit::reference
