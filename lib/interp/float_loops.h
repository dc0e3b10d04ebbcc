#pragma once
// The groups of float_loop(), one file each so that they compile side by side: the column `loops`
// of lib/numerics/functions.def. Null for an op of another group.

#include <cstdint>

#include "lib/interp/inner_loop.h"

namespace mlpjit::interp {

enum class LoopGroup : std::uint8_t { basic, exponential, special };

InnerLoop basic_loop(ir::Opcode opcode, DType dtype, support::Isa isa);
InnerLoop exponential_loop(ir::Opcode opcode, DType dtype, support::Isa isa);
InnerLoop special_loop(ir::Opcode opcode, DType dtype, support::Isa isa);

}  // namespace mlpjit::interp
