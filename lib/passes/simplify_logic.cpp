// Comparisons, logic and selection. A comparison with NaN is false, not_equal true: so `not less`
// is `greater_equal` for integers only.

#include "lib/ir/opcodes.h"
#include "lib/passes/simplify_rules.h"

namespace mlpjit::passes {
namespace {

using ir::Opcode;
using ir::ValueId;

ValueId truth(Match& m, bool value) {
  return m.as_result(m.scalar(DType::boolean, value));
}

ValueId compare(Match& m) {
  if (m.operand(0) != m.operand(1)) return {};
  // x < x is false for NaN too; x == x is not true for it.
  if (m.op.opcode == Opcode::less || m.op.opcode == Opcode::greater) return truth(m, false);
  if (is_floating(m.type_of(m.operand(0)).dtype)) return {};
  return truth(m, m.op.opcode != Opcode::not_equal);
}

ValueId logical_binary(Match& m) {
  const Opcode opcode = m.op.opcode;
  if (m.operand(0) == m.operand(1)) {
    return opcode == Opcode::logical_xor ? truth(m, false) : m.operand(0);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const std::optional<double> known = splat_number(m.function, m.operand(i));
    if (!known) continue;
    const bool value = *known != 0;
    const ValueId other = m.operand(1 - i);
    if (opcode == Opcode::logical_and) return value ? m.as_result(other) : truth(m, false);
    if (opcode == Opcode::logical_or) return value ? truth(m, true) : m.as_result(other);
    return m.as_result(value ? m.make(Opcode::logical_not, {other}) : other);
  }
  return {};
}

std::optional<Opcode> opposite(Opcode opcode, bool ordered) {
  switch (opcode) {
    case Opcode::equal: return Opcode::not_equal;
    case Opcode::not_equal: return Opcode::equal;
    default: break;
  }
  if (!ordered) return std::nullopt;
  switch (opcode) {
    case Opcode::less: return Opcode::greater_equal;
    case Opcode::less_equal: return Opcode::greater;
    case Opcode::greater: return Opcode::less_equal;
    case Opcode::greater_equal: return Opcode::less;
    default: return std::nullopt;
  }
}

ValueId logical_not(Match& m) {
  if (const ValueId x = m.inside(m.operand(0), Opcode::logical_not); x.valid()) return x;
  const ir::OpId producer = m.function.value(m.operand(0)).producer;
  if (!producer.valid()) return {};
  const ir::Op inner = m.function.op(producer);
  if (inner.operands.size() != 2) return {};
  const bool ordered = !is_floating(m.type_of(inner.operands[0]).dtype);
  const std::optional<Opcode> better = opposite(inner.opcode, ordered);
  return better ? m.make(*better, inner.operands) : ValueId{};
}

ValueId where(Match& m) {
  const ValueId condition = m.operand(0);
  const ValueId a = m.operand(1);
  const ValueId b = m.operand(2);
  if (a == b) return m.as_result(a);
  if (const std::optional<double> known = splat_number(m.function, condition)) {
    return m.as_result(*known != 0 ? a : b);
  }
  if (const ValueId negated = m.inside(condition, Opcode::logical_not); negated.valid()) {
    return m.make(Opcode::where, {negated, b, a});
  }
  if (m.dtype() != DType::boolean) return {};
  if (m.is(a, 1) && m.is(b, 0)) return m.as_result(condition);
  if (m.is(a, 0) && m.is(b, 1)) return m.as_result(m.make(Opcode::logical_not, {condition}));
  return {};
}

}  // namespace

ValueId simplify_logic(Match& m) {
  switch (m.op.opcode) {
    case Opcode::equal:
    case Opcode::not_equal:
    case Opcode::less:
    case Opcode::less_equal:
    case Opcode::greater:
    case Opcode::greater_equal: return compare(m);
    case Opcode::logical_and:
    case Opcode::logical_or:
    case Opcode::logical_xor: return logical_binary(m);
    case Opcode::logical_not: return logical_not(m);
    case Opcode::where: return where(m);
    default: return {};
  }
}

}  // namespace mlpjit::passes
