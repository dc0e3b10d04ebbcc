// Replaces ops by cheaper ones, or by their operands, only where every bit stays: x * 1 yes, x + 0
// no (-0 + 0 is +0). The rules stand in simplify_*.cpp; this file applies them until none fits.

#include <cmath>
#include <utility>

#include "lib/ir/opcodes.h"
#include "lib/passes/passes.h"
#include "lib/passes/simplify_rules.h"
#include "lib/support/float_env.h"
#include "mlpjit/error.h"

namespace mlpjit::passes {

using ir::Function;
using ir::Op;
using ir::Opcode;
using ir::OpId;
using ir::ValueId;

const Op* Match::made_by(ValueId id, Opcode opcode) const {
  const OpId producer = function.value(id).producer;
  if (!producer.valid() || function.op(producer).opcode != opcode) return nullptr;
  return &function.op(producer);
}

ValueId Match::inside(ValueId id, Opcode opcode) const {
  const Op* producer = made_by(id, opcode);
  return producer == nullptr ? ValueId{} : producer->operands.front();
}

bool Match::is(ValueId id, double number) const {
  const std::optional<double> known = splat_number(function, id);
  return known && *known == number && std::signbit(*known) == std::signbit(number);
}

ValueId Match::make(Opcode opcode, std::vector<ValueId> operands, ir::Attrs attrs) {
  return function.result(
      function.append(op.parent, opcode, std::move(operands), std::move(attrs), {}, op.path));
}

ValueId Match::scalar(DType dtype, double number) {
  return add_constant(function, op.parent, ir::scalar_literal(dtype, number), op.path);
}

ValueId Match::as_result(ValueId id) {
  if (type_of(id) == type) return id;
  return make(Opcode::broadcast_to, {id}, {{"shape", type.shape}});
}

namespace {

constexpr int kMaxRounds =
    16;  // each takes the last one's results further; chains of rules are short

using Rule = ValueId (*)(Match&);
constexpr Rule kRules[] = {simplify_arithmetic, simplify_logic,     simplify_functions,
                           simplify_shape,      simplify_broadcast, simplify_matmul};

bool applicable(const Function& function, const Op& op) {
  if (op.results.size() != 1 || op.operands.empty() || op.opcode == Opcode::call) return false;
  const ir::OpInfo& info = ir::info(op.opcode);
  return !info.has(ir::kRegion) && !info.has(ir::kEffect) &&
         !function.value(op.results.front()).type.token;
}

bool replace(Function& function, OpId id, Substitution& substitution) {
  if (!applicable(function, function.op(id))) return false;
  Match match(function, id);
  const std::size_t known_ops = function.op_count();
  for (Rule rule : kRules) {
    const ValueId better = rule(match);
    if (!better.valid()) continue;
    if (!(function.value(better).type == match.type)) {
      throw InternalError("simplify: " + std::string(to_string(match.op.opcode)) + " gives " +
                          to_string(match.type) + ", its replacement " +
                          to_string(function.value(better).type));
    }
    const OpId made = function.value(better).producer;
    if (made.valid() && made.index >= known_ops) {
      take_name(function, match.op.results.front(), better);
    }
    substitution.replace(match.op.results.front(), better);
    return true;
  }
  return false;
}

}  // namespace

int simplify(ir::Graph& graph) {
  const support::FloatEnvScope environment;
  int changes = 0;
  for (const auto& function : graph.functions()) {
    for (int round = 0; round < kMaxRounds; ++round) {
      const int before = changes;
      Substitution substitution;
      const KeepOp keep = [&](OpId id) {
        if (!replace(*function, id, substitution)) return true;
        ++changes;
        return false;
      };
      rewrite_function(*function, keep, substitution);
      if (changes == before) break;
    }
  }
  return changes;
}

}  // namespace mlpjit::passes
