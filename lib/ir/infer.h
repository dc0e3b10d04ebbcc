#pragma once
// The type rules of the op table: what an op gives for what it takes. One rule serves the eager
// frontend, the recorder, the verifier and the parser.

#include <span>
#include <vector>

#include "lib/ir/attr.h"
#include "lib/ir/opcode.h"

namespace mlpjit::ir {

// Result types of an op without regions (not `call`). Throws ShapeError, DTypeError or ValueError
// that names the op, what it expects and what it got. Shapes may be symbolic.
std::vector<Type> infer(Opcode opcode, std::span<const Type> operands, const Attrs& attrs);

// numpy's rule over dimensions that may be symbolic. Throws ShapeError naming `op`.
Shape broadcast(std::string_view op, std::span<const Shape> shapes);

}  // namespace mlpjit::ir
