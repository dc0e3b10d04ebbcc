// Data movement that moves nothing, or moves twice. Elements are only ever copied, so any dtype
// keeps its bits.

#include <algorithm>
#include <numeric>

#include "lib/ir/dense_form.h"
#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"
#include "lib/passes/simplify_rules.h"

namespace mlpjit::passes {
namespace {

using ir::Opcode;
using ir::ValueId;
using Integers = std::vector<std::int64_t>;

ValueId reshape(Match& m) {
  if (m.type_of(m.operand(0)) == m.type) return m.operand(0);
  const ValueId x = m.inside(m.operand(0), Opcode::reshape);
  if (!x.valid()) return {};
  return m.type_of(x) == m.type ? x : m.make(Opcode::reshape, {x}, {{"shape", m.type.shape}});
}

// Whether axes of size 1 alone change their place: then the elements keep their order.
bool keeps_order(const Shape& shape, const Integers& permutation) {
  std::int64_t last = -1;
  for (std::int64_t axis : permutation) {
    if (identical(shape[static_cast<int>(axis)], 1)) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

ValueId transpose(Match& m) {
  const Integers& outer = m.op.attrs.integers("permutation");
  if (std::is_sorted(outer.begin(), outer.end())) return m.operand(0);
  if (const ir::Op* inner = m.made_by(m.operand(0), Opcode::transpose)) {
    const Integers& first = inner->attrs.integers("permutation");
    Integers both;
    for (std::int64_t axis : outer) both.push_back(first[static_cast<std::size_t>(axis)]);
    const ValueId x = inner->operands.front();
    if (std::is_sorted(both.begin(), both.end())) return x;
    return m.make(Opcode::transpose, {x}, {{"permutation", std::move(both)}});
  }
  const Shape shape = m.type_of(m.operand(0)).shape;
  if (!shape.is_static() || !keeps_order(shape, outer)) return {};
  return m.make(Opcode::reshape, {m.operand(0)}, {{"shape", m.type.shape}});
}

ValueId broadcast_to(Match& m) {
  if (m.type_of(m.operand(0)) == m.type) return m.operand(0);
  const ValueId x = m.inside(m.operand(0), Opcode::broadcast_to);
  return x.valid() ? m.as_result(x) : ValueId{};
}

// concat(split(x)) in the same order along the same axis.
ValueId undone_split(const Match& m) {
  const ir::OpId producer = m.function.value(m.operand(0)).producer;
  if (!producer.valid()) return {};
  const ir::Op& split = m.function.op(producer);
  if (split.opcode != Opcode::split || split.results != m.op.operands) return {};
  return split.attrs.integer("axis") == m.op.attrs.integer("axis") ? split.operands.front()
                                                                   : ValueId{};
}

ValueId concat(Match& m) {
  constexpr std::size_t kMaxParts = 64;
  if (m.op.operands.size() == 1) return m.operand(0);
  if (const ValueId x = undone_split(m); x.valid()) return x;
  const std::int64_t axis = m.op.attrs.integer("axis");
  std::vector<ValueId> parts;
  bool changed = false;
  for (ValueId part : m.op.operands) {
    const ir::Op* inner = m.made_by(part, Opcode::concat);
    if (inner != nullptr && inner->attrs.integer("axis") == axis) {
      parts.insert(parts.end(), inner->operands.begin(), inner->operands.end());
      changed = true;
    } else if (identical(m.type_of(part).shape[static_cast<int>(axis)], 0)) {
      changed = true;
    } else {
      parts.push_back(part);
    }
  }
  if (!changed || parts.empty() || parts.size() > kMaxParts) return {};
  return m.make(Opcode::concat, std::move(parts), {{"axis", axis}});
}

struct Slice {
  std::int64_t axis, size, step;
  ir::SliceRange range;
};

std::optional<Slice> slice_of(const ir::Attrs& attrs, const Shape& shape) {
  const std::int64_t axis = attrs.integer("axis");
  const Dim size = shape[static_cast<int>(axis)];
  const std::int64_t step = attrs.integer("step");
  if (!size.is_static() || step < 1) return std::nullopt;
  return Slice{axis, size.value(), step,
               ir::slice_range(size.value(), attrs.integer("begin"), attrs.integer("end"), step)};
}

bool whole(const Slice& slice) {
  return slice.range.begin == 0 && slice.range.count == slice.size && slice.step == 1;
}

ValueId slice(Match& m) {
  const std::optional<Slice> outer = slice_of(m.op.attrs, m.type_of(m.operand(0)).shape);
  if (!outer) return {};
  if (whole(*outer)) return m.operand(0);
  if (const ir::Op* update = m.made_by(m.operand(0), Opcode::slice_update)) {
    const ValueId written = update->operands[1];
    return update->attrs == m.op.attrs && m.type_of(written) == m.type ? written : ValueId{};
  }
  const ir::Op* made = m.made_by(m.operand(0), Opcode::slice);
  if (made == nullptr) return {};
  const ValueId x = made->operands.front();
  const std::optional<Slice> inner = slice_of(made->attrs, m.type_of(x).shape);
  if (!inner || inner->axis != outer->axis || outer->range.count == 0) return {};
  const std::int64_t begin = inner->range.begin + outer->range.begin * inner->step;
  const std::int64_t step = inner->step * outer->step;
  const std::int64_t end = begin + (outer->range.count - 1) * step + 1;
  return m.make(Opcode::slice, {x},
                {{"axis", outer->axis}, {"begin", begin}, {"end", end}, {"step", step}});
}

ValueId slice_update(Match& m) {
  const std::optional<Slice> range = slice_of(m.op.attrs, m.type.shape);
  return range && whole(*range) && m.type_of(m.operand(1)) == m.type ? m.operand(1) : ValueId{};
}

// Of one element each: max and min give it, and so does prod, 1 * x. A sum gives +0 for -0.
ValueId reduction(Match& m) {
  const ir::Type& operand = m.type_of(m.operand(0));
  if (operand.dtype != m.dtype() || !operand.shape.is_static()) return {};
  for (std::int64_t axis : m.op.attrs.integers("axes")) {
    if (!identical(operand.shape[static_cast<int>(axis)], 1)) return {};
  }
  if (operand == m.type) return m.operand(0);
  return m.make(Opcode::reshape, {m.operand(0)}, {{"shape", m.type.shape}});
}

}  // namespace

ValueId simplify_shape(Match& m) {
  switch (m.op.opcode) {
    case Opcode::reshape: return reshape(m);
    case Opcode::transpose: return transpose(m);
    case Opcode::broadcast_to: return broadcast_to(m);
    case Opcode::concat: return concat(m);
    case Opcode::split: return m.operand(0);  // of one part
    case Opcode::slice: return slice(m);
    case Opcode::slice_update: return slice_update(m);
    case Opcode::max:
    case Opcode::min:
    case Opcode::prod: return reduction(m);
    default: return {};
  }
}

namespace {

// Whether operand i of an element-wise op may have another type without changing the result's.
bool may_become(const Match& m, std::size_t i, const ir::Type& type) {
  std::vector<ir::Type> types = m.function.types(m.op.operands);
  types[i] = type;
  return ir::infer(m.op.opcode, types, m.op.attrs).front() == m.type;
}

// What may stand for an operand that is broadcast anyway: what it was broadcast from, or one
// element of a constant whose elements are equal. Invalid when there is nothing smaller.
ValueId smaller(Match& m, std::size_t i) {
  if (const ValueId x = m.inside(m.operand(i), Opcode::broadcast_to); x.valid()) {
    return may_become(m, i, m.type_of(x)) ? x : ValueId{};
  }
  const ir::Literal* literal = constant_of(m.function, m.operand(i));
  if (literal == nullptr || literal->shape.size() < 2) return {};
  std::optional<ir::Literal> splat = splat_of(m.function, m.operand(i));
  if (!splat || !may_become(m, i, splat->type())) return {};
  return add_constant(m.function, m.op.parent, std::move(*splat), m.op.path);
}

}  // namespace

// An element-wise op broadcasts by itself; and what is computed before a broadcast is computed
// fewer times.
ValueId simplify_broadcast(Match& m) {
  if (ir::info(m.op.opcode).family != ir::Family::elementwise) return {};
  if (m.op.operands.size() == 1) {
    const ValueId x = m.inside(m.operand(0), Opcode::broadcast_to);
    return x.valid() ? m.as_result(m.make(m.op.opcode, {x}, m.op.attrs)) : ValueId{};
  }
  for (std::size_t i = 0; i < m.op.operands.size(); ++i) {
    const ValueId better = smaller(m, i);
    if (!better.valid()) continue;
    std::vector<ValueId> operands = m.op.operands;
    operands[i] = better;
    return m.make(m.op.opcode, std::move(operands), m.op.attrs);
  }
  return {};
}

// matmul(x, transpose(w)) is dense(x, w) of one chain, which is made for weights; the forms for few
// outputs would give other bits. Only for weights of the caller: these are packed once.
ValueId simplify_matmul(Match& m) {
  if (m.op.opcode != Opcode::matmul) return {};
  const ir::Op* transpose = m.made_by(m.operand(1), Opcode::transpose);
  if (transpose == nullptr || transpose->attrs.integers("permutation") != Integers{1, 0}) return {};
  const ValueId weight = transpose->operands.front();
  const ir::Value& value = m.function.value(weight);
  if (value.producer.valid() || value.region != ir::Function::kBody) return {};
  if (!value.type.shape.is_static() || m.type_of(m.operand(0)).shape.rank() < 1) return {};
  const ir::DenseForm form =
      ir::dense_form(value.type.shape[0].value(), value.type.shape[1].value());
  if (form.lanes || form.chains > 1) return {};
  return m.make(Opcode::dense, {m.operand(0), weight});
}

}  // namespace mlpjit::passes
