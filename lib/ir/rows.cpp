#include "lib/ir/rows.h"

#include <algorithm>

#include "lib/ir/opcodes.h"

namespace mlpjit::ir {
namespace {

// Marks the values that have rows, in order; ok() is false once one row would need another.
class Marking {
 public:
  Marking(const Function& function, Dim size) : function_(function) {
    rows_.size = std::move(size);
    rows_.values.resize(function.value_count());
  }

  void mark(ValueId value) { rows_.values[value.index] = true; }
  bool is_marked(ValueId value) const { return rows_.has(value); }

  bool walk(const Region& region) {
    return std::all_of(region.ops.begin(), region.ops.end(),
                       [&](OpId id) { return step(function_.op(id)); });
  }
  Rows take() { return std::move(rows_); }

 private:
  const Shape& shape(ValueId value) const { return function_.value(value).type.shape; }
  bool any(const Op& op) const {
    return std::any_of(op.operands.begin(), op.operands.end(),
                       [&](ValueId value) { return is_marked(value); });
  }
  bool all(const Op& op) const {
    return std::all_of(op.operands.begin(), op.operands.end(),
                       [&](ValueId value) { return is_marked(value); });
  }

  bool step(const Op& op) {
    if (op.opcode == Opcode::fusion) return fusion(op);
    if (info(op.opcode).family == Family::constant) return true;
    // What has no rows would be calculated again for each of their parts.
    if (!any(op) || !keeps_rows(op)) return false;
    // Which row failed, a message may say; an empty reduction fails for all of them.
    if (info(op.opcode).has(kMayFail) && info(op.opcode).family != Family::reduction &&
        info(op.opcode).family != Family::search)
      return false;
    for (const ValueId result : op.results) {
      if (shape(result).rank() == 0 || !identical(shape(result)[0], rows_.size)) return false;
      mark(result);
    }
    return true;
  }

  bool fusion(const Op& op) {
    const Region& region = function_.region(op.regions.front());
    for (std::size_t i = 0; i < op.operands.size(); ++i) {
      if (is_marked(op.operands[i])) mark(region.arguments[i]);
    }
    if (!walk(region)) return false;
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      if (!is_marked(region.results[i])) return false;
      mark(op.results[i]);
    }
    return true;
  }

  // Whether row i of the results depends on row i of the operands that have rows, and on all of the
  // others.
  bool keeps_rows(const Op& op) const {
    switch (info(op.opcode).family) {
      case Family::elementwise: return aligned(op);
      case Family::contraction: return contraction(op);
      case Family::reduction:
      case Family::search: {
        const auto& axes = op.attrs.get<std::vector<std::int64_t>>("axes");
        return std::find(axes.begin(), axes.end(), 0) == axes.end();
      }
      case Family::row: return row(op);
      case Family::movement: return movement(op);
      default: return false;
    }
  }

  // Operands with rows have them in the same axis of the result; others are the same for each.
  bool aligned(const Op& op) const {
    const int rank = shape(op.results.front()).rank();
    return std::all_of(op.operands.begin(), op.operands.end(), [&](ValueId value) {
      const Shape& of = shape(value);
      if (is_marked(value)) return of.rank() == rank;
      return of.rank() < rank || identical(of[0], Dim(1));
    });
  }

  bool contraction(const Op& op) const {
    const int left = shape(op.operands[0]).rank(), right = shape(op.operands[1]).rank();
    if (!is_marked(op.operands[0]) || left < 2) return false;
    if (op.opcode == Opcode::matmul && is_marked(op.operands[1])) return left >= 3 && left == right;
    if (op.opcode == Opcode::matmul && right > 2) return false;
    return std::none_of(op.operands.begin() + 1, op.operands.end(),
                        [&](ValueId value) { return is_marked(value); });
  }

  // Over the last axis, or over the one that is said.
  bool row(const Op& op) const {
    if (!is_marked(op.operands[0]) || shape(op.operands[0]).rank() < 2) return false;
    if (op.opcode == Opcode::layer_norm)
      return !is_marked(op.operands[1]) && !is_marked(op.operands[2]);
    return op.attrs.integer("axis") != 0;
  }

  bool movement(const Op& op) const {
    switch (op.opcode) {
      case Opcode::transpose:
        return op.attrs.get<std::vector<std::int64_t>>("permutation").front() == 0;
      case Opcode::reshape:  // of axes behind the rows
        return shape(op.results[0]).rank() > 0 && identical(shape(op.results[0])[0], rows_.size);
      case Opcode::broadcast_to: return shape(op.results[0]).rank() == shape(op.operands[0]).rank();
      case Opcode::concat: return op.attrs.integer("axis") != 0 && all(op);
      case Opcode::slice:
      case Opcode::split: return op.attrs.integer("axis") != 0;
      default: return false;
    }
  }

  const Function& function_;
  Rows rows_;
};

std::optional<Rows> rows_of(const Function& main, const Dim& size, bool first_only) {
  Marking marking(main, size);
  const Region& body = main.body();
  int marked = 0;
  for (std::size_t i = 0; i < body.arguments.size(); ++i) {
    const Shape& shape = main.value(body.arguments[i]).type.shape;
    if (main.inputs()[i].kind != InputKind::argument || shape.rank() == 0) continue;
    if (!identical(shape[0], size) || (first_only && marked > 0)) continue;
    marking.mark(body.arguments[i]);
    ++marked;
  }
  if (!marking.walk(body)) return std::nullopt;
  const bool all = std::all_of(body.results.begin(), body.results.end(),
                               [&](ValueId value) { return marking.is_marked(value); });
  if (!all || body.results.empty()) return std::nullopt;
  return marking.take();
}

}  // namespace

std::optional<Rows> find_rows(const Function& main) {
  if (!main.updates().empty()) return std::nullopt;
  const Region& body = main.body();
  for (std::size_t i = 0; i < body.arguments.size(); ++i) {
    const Shape& shape = main.value(body.arguments[i]).type.shape;
    if (main.inputs()[i].kind != InputKind::argument || shape.rank() == 0) continue;
    // Arguments of that many elements in axis 0 may all be batches, or the first one alone.
    if (auto rows = rows_of(main, shape[0], false)) return rows;
    return rows_of(main, shape[0], true);
  }
  return std::nullopt;
}

Graph with_rows(const Graph& graph, const Rows& rows, const Dim& size) {
  Graph result = graph.clone();
  Function& main = result.main();
  const auto changed = [&](const Shape& shape) {
    Shape made({size});
    for (int axis = 1; axis < shape.rank(); ++axis) made.push_back(shape[axis]);
    return made;
  };
  for (std::size_t i = 0; i < main.value_count(); ++i) {
    if (rows.values[i])
      main.value(ValueId(i)).type.shape = changed(main.value(ValueId(i)).type.shape);
  }
  for (std::size_t i = 0; i < main.op_count(); ++i) {
    Op& op = main.op(OpId(i));
    const bool says_shape = op.opcode == Opcode::reshape || op.opcode == Opcode::broadcast_to;
    if (says_shape && rows.has(op.results[0]))
      op.attrs.set("shape", changed(op.attrs.get<Shape>("shape")));
  }
  return result;
}

}  // namespace mlpjit::ir
