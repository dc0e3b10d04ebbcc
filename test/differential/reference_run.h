#pragma once
// The naive meaning of a function of the IR: branches, loops and updates, over a way to run one op
// without regions.

#include <functional>

#include "lib/ir/graph.h"
#include "test/differential/reference.h"

namespace mlpjit::reference {

using Arrays = std::vector<Array>;
using PlainOp = std::function<Arrays(const ir::Op& op, const Arrays& operands)>;

struct RunResult {
  Arrays results;
  Arrays inputs;  // after the updates
};
RunResult run(const ir::Function& function, const Arrays& inputs, const PlainOp& plain);

// A draw and the next state. `function` applies log or cos, which the reference does not define.
using UnaryFunction = std::function<Array(ir::Opcode, const Array&)>;
Arrays draw(ir::Opcode opcode, const std::vector<ir::Type>& results, const Array& state,
            const UnaryFunction& function);

}  // namespace mlpjit::reference
