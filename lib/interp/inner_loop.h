#pragma once
// The inner loop of an element-wise op: n elements of the result in a row. Along it every operand
// either moves with the result or stands still (`scalar`), so one broadcaster (elementwise.cpp)
// serves all ops and dtypes.

#include <cstddef>

#include "lib/interp/interp.h"
#include "lib/numerics/elementwise.h"

namespace mlpjit::interp {

using InnerLoop = void (*)(const void* const* operands, const bool* scalar, void* result,
                           std::size_t n, const numerics::Params& params);

// Each returns null for what it does not know; `dtype` is that of the operands (of the choices, for
// where).
InnerLoop float_loop(ir::Opcode opcode, DType dtype, support::Isa isa);
InnerLoop integer_loop(ir::Opcode opcode, DType dtype);  // and bool
InnerLoop cast_loop(DType from, DType to);

}  // namespace mlpjit::interp
