#pragma once
// The cost of element-wise ops, by target.

#include "lib/ir/opcode.h"
#include "lib/plan/target.h"
#include "mlpjit/dtype.h"

namespace mlpjit::plan {

// Cycles that one op takes on one vector: measured as what a dense layer of 64 rows and 64 outputs
// takes with the op, less what it takes without.
double op_cycles(ir::Opcode opcode, DType dtype, const Target& target);

}  // namespace mlpjit::plan
