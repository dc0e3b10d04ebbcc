#pragma once
// The names of the ops, for files that tell some apart. Others include lib/ir/opcode.h, which does
// not change when an op is added.

#include "lib/ir/opcode.h"

namespace mlpjit::ir {

enum class Opcode : std::uint8_t {
#define MLPJIT_OP(name, ...) name,
#include "mlpjit/detail/ops.def"
};

}  // namespace mlpjit::ir
