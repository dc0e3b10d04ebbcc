#pragma once
// Writing into the storage that a handle shares; while tracing, giving the tensor another value.

#include "lib/ir/opcode.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

// Elements of one axis, as the slice ops take them.
struct AxisRange {
  std::int64_t axis = 0, begin = 0, end = 0, step = 1;
};
// Negative axis, begin and end count from the end; begin and end are clamped, as in Python. Throws
// ShapeError.
AxisRange normal_range(const Shape& shape, int axis, std::int64_t begin, std::int64_t end,
                       std::int64_t step);
Tensor slice(const Tensor& x, const AxisRange& range);
void assign_slice(const Tensor& base, const AxisRange& range, const Tensor& value);
// slice = slice op other.
void compound_slice(const Tensor& base, const AxisRange& range, ir::Opcode opcode,
                    const Tensor& other, const char* call);

// Throws UserError when the memory of a tensor is read-only.
void require_writable(const TensorImpl& impl, const char* call);

}  // namespace mlpjit::detail
