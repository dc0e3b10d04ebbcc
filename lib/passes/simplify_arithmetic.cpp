// + - * / and their kin. For floats each rule is an identity of IEEE 754 in round to nearest even,
// for integers one of wrapping arithmetic; what a rule relies on is said beside it.

#include <cmath>

#include "lib/ir/opcodes.h"
#include "lib/passes/simplify_rules.h"

namespace mlpjit::passes {
namespace {

using ir::Opcode;
using ir::ValueId;

ValueId add(Match& m) {
  // x + -0 is x (-0 + -0 is -0, +0 + -0 is +0); x + +0 is not. An integer has one zero.
  const double neutral = m.floating() ? -0.0 : 0.0;
  if (m.is(m.operand(1), neutral)) return m.as_result(m.operand(0));
  if (m.is(m.operand(0), neutral)) return m.as_result(m.operand(1));
  // x - y is defined as x + -y.
  if (const ValueId y = m.inside(m.operand(1), Opcode::negative); y.valid()) {
    return m.make(Opcode::subtract, {m.operand(0), y});
  }
  if (const ValueId x = m.inside(m.operand(0), Opcode::negative); x.valid()) {
    return m.make(Opcode::subtract, {m.operand(1), x});
  }
  return {};
}

ValueId subtract(Match& m) {
  // x - +0 is x + -0.
  if (m.is(m.operand(1), 0.0)) return m.as_result(m.operand(0));
  // -0 - x is -0 + -x, which is -x.
  if (m.is(m.operand(0), m.floating() ? -0.0 : 0.0)) {
    return m.as_result(m.make(Opcode::negative, {m.operand(1)}));
  }
  if (const ValueId y = m.inside(m.operand(1), Opcode::negative); y.valid()) {
    return m.make(Opcode::add, {m.operand(0), y});
  }
  return {};
}

// (-x) op (-y) is x op y where the sign of the result is that of the product.
ValueId drop_signs(Match& m) {
  const ValueId x = m.inside(m.operand(0), Opcode::negative);
  const ValueId y = m.inside(m.operand(1), Opcode::negative);
  return x.valid() && y.valid() ? m.make(m.op.opcode, {x, y}) : ValueId{};
}

ValueId multiply(Match& m) {
  for (std::size_t i = 0; i < 2; ++i) {
    const ValueId x = m.operand(1 - i);
    if (m.is(m.operand(i), 1)) return m.as_result(x);
    if (m.is(m.operand(i), -1)) return m.as_result(m.make(Opcode::negative, {x}));
  }
  return drop_signs(m);
}

// 1 / c when it is exact: then x / c and x * (1 / c) round the same number.
std::optional<double> exact_reciprocal(double c, DType dtype) {
  int exponent = 0;
  if (!std::isfinite(c) || std::abs(std::frexp(c, &exponent)) != 0.5) return std::nullopt;
  const double reciprocal = 1 / c;
  const double rounded = dtype == DType::f32 ? static_cast<float>(reciprocal) : reciprocal;
  if (!std::isfinite(rounded) || rounded * c != 1) return std::nullopt;
  return rounded;
}

ValueId divide(Match& m) {
  if (m.is(m.operand(1), 1)) return m.as_result(m.operand(0));
  if (m.is(m.operand(1), -1)) return m.as_result(m.make(Opcode::negative, {m.operand(0)}));
  if (const std::optional<double> c = splat_number(m.function, m.operand(1))) {
    if (const std::optional<double> reciprocal = exact_reciprocal(*c, m.dtype())) {
      return m.as_result(
          m.make(Opcode::multiply, {m.operand(0), m.scalar(m.dtype(), *reciprocal)}));
    }
  }
  return drop_signs(m);
}

// Of a float it is not floor(x): an infinite one gives NaN.
ValueId floor_divide(Match& m) {
  if (m.floating() || !m.is(m.operand(1), 1)) return {};
  return m.as_result(m.operand(0));
}

// The float function is an algorithm of its own, rounded its own way; integers are exact.
ValueId pow(Match& m) {
  if (m.floating()) return {};
  const ValueId x = m.operand(0);
  if (m.is(m.operand(1), 0)) return m.as_result(m.scalar(m.dtype(), 1));
  if (m.is(m.operand(1), 1)) return m.as_result(x);
  if (m.is(m.operand(1), 2)) return m.as_result(m.make(Opcode::multiply, {x, x}));
  return {};
}

}  // namespace

ValueId simplify_arithmetic(Match& m) {
  switch (m.op.opcode) {
    case Opcode::add: return add(m);
    case Opcode::subtract: return subtract(m);
    case Opcode::multiply: return multiply(m);
    case Opcode::divide: return divide(m);
    case Opcode::floor_divide: return floor_divide(m);
    case Opcode::pow: return pow(m);
    // Both keep their operand when it meets itself: NaN and either zero too.
    case Opcode::maximum:
    case Opcode::minimum: return m.operand(0) == m.operand(1) ? m.operand(0) : ValueId{};
    default: return {};
  }
}

}  // namespace mlpjit::passes
