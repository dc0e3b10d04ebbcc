#pragma once
// Checks that a tensor has elements to look at now, or a trace that it belongs to.

#include <cstdint>

#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

// Throws TraceError for a symbol whose trace has ended.
void require_value(const TensorImpl& impl, const char* call);
// Throws TraceError when the elements are not to be looked at now.
void require_readable(const TensorImpl& impl, const char* call);
// The size of an axis that a call needs as a number. Throws TraceError where it is a symbol.
std::int64_t known_size(const Shape& shape, int axis, const char* call);
// Marks a tensor just made as a constant of the trace that goes on, if one does.
Tensor stamp_constant(Tensor tensor);

}  // namespace mlpjit::detail
