#pragma once
// The rules of simplify, by subject. Each looks at one op and gives a value that may stand for its
// result, with the same type and the same bits for every input (docs/numerics.md; NaN payloads and
// signs excepted), or an invalid id.

#include <optional>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/passes/rewrite.h"

namespace mlpjit::passes {

// An op with one result, as the rules see it: a copy, since new ops may move the arenas.
class Match {
 public:
  Match(ir::Function& function, ir::OpId id)
      : function(function), op(function.op(id)), type(function.value(op.results.front()).type) {}

  ir::Function& function;
  const ir::Op op;
  const ir::Type type;

  ir::ValueId operand(std::size_t i) const { return op.operands.at(i); }
  const ir::Type& type_of(ir::ValueId id) const { return function.value(id).type; }
  DType dtype() const { return type.dtype; }
  bool floating() const { return is_floating(type.dtype); }

  // The op that makes a value when it has the opcode, else null. Invalid after make().
  const ir::Op* made_by(ir::ValueId id, ir::Opcode opcode) const;
  // The operand of the op that makes a value when it has the opcode, else invalid.
  ir::ValueId inside(ir::ValueId id, ir::Opcode opcode) const;
  // Whether all elements are known and equal to a number; zeros by their sign too.
  bool is(ir::ValueId id, double number) const;

  // A new op before this one; its result.
  ir::ValueId make(ir::Opcode opcode, std::vector<ir::ValueId> operands, ir::Attrs attrs = {});
  ir::ValueId scalar(DType dtype, double number);
  // The value broadcast to the type of this op's result.
  ir::ValueId as_result(ir::ValueId id);
};

ir::ValueId simplify_arithmetic(Match& match);
ir::ValueId simplify_logic(Match& match);
ir::ValueId simplify_functions(Match& match);
ir::ValueId simplify_shape(Match& match);
ir::ValueId simplify_broadcast(Match& match);
ir::ValueId simplify_matmul(Match& match);

}  // namespace mlpjit::passes
