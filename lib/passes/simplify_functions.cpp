// Unary functions that do nothing more the second time, and casts.

#include "lib/ir/opcodes.h"
#include "lib/passes/simplify_rules.h"

namespace mlpjit::passes {
namespace {

using ir::Opcode;
using ir::ValueId;

bool rounds(Opcode opcode) {
  return opcode == Opcode::floor || opcode == Opcode::ceil || opcode == Opcode::round;
}

// Already integral, so each of the three keeps it, -0 included.
ValueId rounding(Match& m) {
  if (!m.floating()) return m.operand(0);
  const ir::OpId producer = m.function.value(m.operand(0)).producer;
  return producer.valid() && rounds(m.function.op(producer).opcode) ? m.operand(0) : ValueId{};
}

ValueId absolute(Match& m) {
  if (m.made_by(m.operand(0), Opcode::abs) != nullptr) return m.operand(0);
  // Sign bits for floats; the lowest integer is its own negative and its own abs.
  if (const ValueId x = m.inside(m.operand(0), Opcode::negative); x.valid()) {
    return m.make(Opcode::abs, {x});
  }
  return {};
}

ValueId relu(Match& m) {
  if (m.made_by(m.operand(0), Opcode::relu) != nullptr) return m.operand(0);
  // abs of the lowest integer is negative.
  if (m.floating() && m.made_by(m.operand(0), Opcode::abs) != nullptr) return m.operand(0);
  return {};
}

// minimum and maximum form a lattice (NaN absorbs, -0 below +0), where clipping twice is clipping
// once.
ValueId clip(Match& m) {
  const ir::Op* inner = m.made_by(m.operand(0), Opcode::clip);
  if (inner == nullptr || inner->operands[1] != m.operand(1) ||
      inner->operands[2] != m.operand(2)) {
    return {};
  }
  return m.type_of(m.operand(0)) == m.type ? m.operand(0) : ValueId{};
}

ValueId hardtanh(Match& m) {
  const ir::Op* inner = m.made_by(m.operand(0), Opcode::hardtanh);
  return inner != nullptr && inner->attrs == m.op.attrs ? m.operand(0) : ValueId{};
}

// Whether every value of `from` is one of `to`, so that a further cast sees the same number.
bool exact(DType from, DType to) {
  if (from == to || from == DType::boolean) return true;
  if (from == DType::i32) return to == DType::i64 || to == DType::f64;
  return from == DType::f32 && to == DType::f64;
}

ValueId cast(Match& m) {
  if (m.type_of(m.operand(0)) == m.type) return m.operand(0);
  const ValueId x = m.inside(m.operand(0), Opcode::cast);
  if (!x.valid() || !exact(m.type_of(x).dtype, m.type_of(m.operand(0)).dtype)) return {};
  if (m.type_of(x) == m.type) return x;
  return m.make(Opcode::cast, {x}, {{"dtype", m.dtype()}});
}

}  // namespace

ValueId simplify_functions(Match& m) {
  switch (m.op.opcode) {
    case Opcode::negative: return m.inside(m.operand(0), Opcode::negative);
    case Opcode::abs: return absolute(m);
    case Opcode::relu: return relu(m);
    case Opcode::clip: return clip(m);
    case Opcode::hardtanh: return hardtanh(m);
    case Opcode::floor:
    case Opcode::ceil:
    case Opcode::round: return rounding(m);
    case Opcode::sign:
      return m.made_by(m.operand(0), Opcode::sign) != nullptr ? m.operand(0) : ValueId{};
    case Opcode::cast: return cast(m);
    default: return {};
  }
}

}  // namespace mlpjit::passes
