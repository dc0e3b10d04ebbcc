// Element-wise code around and between kernels.

#include <algorithm>
#include <unordered_set>

#include "lib/ir/fusion.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {

// `first` are arguments that come first whether used or not; the rest follow in the order of their
// first use. Nothing when an op is not known to code generation.
std::optional<Body> Planner::make_body(Ops ops, std::span<const ir::ValueId> first,
                                       std::vector<ir::ValueId> results) {
  Body body;
  body.arguments.assign(first.begin(), first.end());
  std::unordered_set<ir::ValueId> known(first.begin(), first.end());
  const auto use = [&](ir::ValueId value) {
    if (!known.insert(value).second) return;
    const ir::Op* constant = constant_of(value);
    if (constant != nullptr && type(value).shape.size() == 1) {
      body.scalars.push_back({value, constant->attrs.get<ir::Literal>("value")});
    } else {
      body.arguments.push_back(value);
    }
  };
  for (const ir::OpId id : ops) {
    const ir::Op& op = main_.op(id);
    if (op.opcode == ir::Opcode::constant) continue;
    if (!ir::may_be_member(main_, op)) return std::nullopt;
    for (const ir::ValueId operand : op.operands) use(operand);
    known.insert(op.results[0]);
    body.ops.push_back(id);
  }
  for (const ir::ValueId result : results) use(result);
  body.results = std::move(results);
  return body;
}

int body_cost(const ir::Function& function, const Body& body) {
  int cost = 0;
  for (const ir::OpId id : body.ops) cost += numerics::instruction_count(function.op(id).opcode);
  return cost;
}

int body_lanes(const ir::Function& function, const Body& body, const Target& target) {
  std::size_t widest = 4;  // bytes alone come in the number of f32 lanes: more gain nothing
  const auto see = [&](ir::ValueId value) {
    widest = std::max(widest, size_of(function.value(value).type.dtype));
  };
  for (const ir::ValueId value : body.arguments) see(value);
  for (const Body::Scalar& scalar : body.scalars) see(scalar.value);
  for (const ir::OpId id : body.ops) see(function.op(id).results[0]);
  return target.lanes(widest);
}

Access Planner::access(ir::ValueId value, const Shape& loops) {
  const BufferId id = buffer(value);
  return {id, broadcast_strides(plan_.buffers[id].shape, loops)};
}

// Members that the root depends on, and those that come after it.
Planner::Sides Planner::sides(Ops ops, ir::OpId root) const {
  std::unordered_set<ir::ValueId> after(main_.op(root).results.begin(),
                                        main_.op(root).results.end());
  Sides parts;
  for (const ir::OpId id : ops) {
    const ir::Op& op = main_.op(id);
    if (id == root || op.opcode == ir::Opcode::constant) continue;
    const bool depends = std::any_of(op.operands.begin(), op.operands.end(),
                                     [&](ir::ValueId operand) { return after.contains(operand); });
    if (depends) after.insert(op.results[0]);
    (depends ? parts.consumers : parts.producers).push_back(id);
  }
  return parts;
}

}  // namespace mlpjit::plan
