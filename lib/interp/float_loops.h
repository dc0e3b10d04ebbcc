#pragma once
// The groups of float_loop(), one file each; null for an op of another group.

#include "lib/interp/inner_loop.h"

namespace mlpjit::interp {

InnerLoop basic_loop(ir::Opcode opcode, DType dtype, support::Isa isa);
InnerLoop exponential_loop(ir::Opcode opcode, DType dtype, support::Isa isa);
InnerLoop special_loop(ir::Opcode opcode, DType dtype, support::Isa isa);

}  // namespace mlpjit::interp
