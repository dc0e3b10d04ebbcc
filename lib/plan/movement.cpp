// Ops that move elements as they are: element-wise kernels with no ops, over parts of tensors.

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

std::vector<Extent> dense_strides(const Shape& shape) {
  return broadcast_strides(shape, shape);
}

// The axis of an op, and where its strides stand.
std::size_t axis_of(const ir::Op& op) {
  return static_cast<std::size_t>(op.attrs.integer("axis"));
}

// The first entry of a slice that has one. Of sizes that are not known the type rule allows only
// bounds that each of them has.
Extent begin_of(const ir::Op& op, const Dim& size) {
  const std::int64_t begin = op.attrs.integer("begin");
  if (size.is_static()) {
    return ir::slice_range(size.value(), begin, op.attrs.integer("end"), op.attrs.integer("step"))
        .begin;
  }
  return begin >= 0 ? Extent(begin) : Extent(size) + Extent(begin);
}

}  // namespace

// Both are walked by the loops of `loops`, a shape.
void Planner::add_move(const ir::Op& op, ir::ValueId moved, const Shape& loops, Access from,
                       Access to) {
  if (is_empty(loops)) return;
  ElementwiseKernel kernel;
  for (int d = 0; d < loops.rank(); ++d) kernel.loops.emplace_back(loops[d]);
  LoopNest nest{kernel.loops, {&from, &to}};
  nest.collapse(0, nest.sizes.size());
  if (nest.sizes.empty() || to.strides.back() != 1) {  // columns of one element
    nest.sizes.push_back(1);
    for (Access* each : nest.accesses) each->strides.push_back(1);
  }
  if (add_transpose(op, nest.sizes, from, to)) return;
  kernel.loops = nest.sizes;
  kernel.inputs = {std::move(from)};
  kernel.outputs = {std::move(to)};
  kernel.body.arguments = kernel.body.results = {moved};
  kernel.lanes = body_lanes(main_, kernel.body, plan_.target);
  std::string reason =
      fmt::format("elements as they are, {} loops, {} lanes", kernel.loops.size(), kernel.lanes);
  add_step(std::move(kernel), op, ir::to_string(op.opcode), std::move(reason));
}

// Where the elements that lie side by side are others in the source: false where they are not.
bool Planner::add_transpose(const ir::Op& op, const std::vector<Extent>& sizes, const Access& from,
                            const Access& to) {
  constexpr std::int64_t kLeast = 4;
  const DType dtype = plan_.buffers[from.buffer].dtype;
  const auto side_by_side = std::ranges::find(from.strides, Extent(1));
  const auto columns = static_cast<std::size_t>(side_by_side - from.strides.begin()),
             rows = sizes.size() - 1;
  if (side_by_side == from.strides.end() || columns == rows || size_of(dtype) < 4) return false;
  for (const std::size_t loop : {columns, rows}) {
    if (sizes[loop].is_known() && sizes[loop].known() < kLeast) return false;
  }
  TransposeKernel kernel;
  kernel.rows = sizes[rows];
  kernel.columns = sizes[columns];
  kernel.outer = sizes;
  kernel.in = from;
  kernel.out = to;
  const auto last = [&](std::vector<Extent>& all) {
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(columns));
  };
  last(kernel.outer);
  kernel.outer.pop_back();
  for (Access* access : {&kernel.in, &kernel.out}) {
    const Extent stride = access->strides[columns];
    last(access->strides);
    access->strides.push_back(stride);
  }
  kernel.lanes = plan_.target.lanes(size_of(dtype));
  std::string reason = fmt::format("elements as they are, blocks of {} rows turned", kernel.lanes);
  add_step(std::move(kernel), op, ir::to_string(op.opcode), std::move(reason));
  return true;
}

bool Planner::plan_movement(const ir::Op& op) {
  if (ir::info(op.opcode).family != ir::Family::movement) return false;
  const ir::ValueId x = op.operands[0], y = op.results[0];
  for (const ir::ValueId result : op.results) buffer(result);
  const auto whole = [this](ir::ValueId value) {
    return Access{buffer(value), dense_strides(type(value).shape)};
  };
  const Shape &from = type(x).shape, &to = type(y).shape;
  switch (op.opcode) {
    case ir::Opcode::transpose: {
      const std::vector<Extent> strides = dense_strides(from);
      std::vector<Extent> turned;
      for (const std::int64_t axis : op.attrs.integers("permutation"))
        turned.push_back(strides[static_cast<std::size_t>(axis)]);
      return add_move(op, x, to, {buffer(x), turned}, whole(y)), true;
    }
    case ir::Opcode::broadcast_to:
      return add_move(op, x, to, {buffer(x), broadcast_strides(from, to)}, whole(y)), true;
    case ir::Opcode::slice: {
      if (is_empty(to)) return true;
      std::vector<Extent> strides = dense_strides(from);
      Extent& along = strides[axis_of(op)];
      const Extent first = begin_of(op, from[static_cast<int>(axis_of(op))]) * along;
      along = along * op.attrs.integer("step");
      return add_move(op, x, to, {buffer(x), strides, first}, whole(y)), true;
    }
    case ir::Opcode::split: {
      const std::vector<Extent> strides = dense_strides(from);
      Extent first = 0;
      for (const ir::ValueId part : op.results) {
        const Shape& shape = type(part).shape;
        add_move(op, x, shape, {buffer(x), strides, first}, whole(part));
        first = first + strides[axis_of(op)] * Extent(shape[static_cast<int>(axis_of(op))]);
      }
      return true;
    }
    case ir::Opcode::concat: {
      const std::vector<Extent> strides = dense_strides(to);
      Extent first = 0;
      for (const ir::ValueId part : op.operands) {
        const Shape& shape = type(part).shape;
        add_move(op, part, shape, whole(part), {buffer(y), strides, first});
        first = first + strides[axis_of(op)] * Extent(shape[static_cast<int>(axis_of(op))]);
      }
      return true;
    }
    case ir::Opcode::slice_update: return plan_slice_update(op);
    default: return false;
  }
}

// The whole of operand 0, then operand 1 over a part of it.
bool Planner::plan_slice_update(const ir::Op& op) {
  const ir::ValueId x = op.operands[0], part = op.operands[1], y = op.results[0];
  const Shape &whole = type(y).shape, &shape = type(part).shape;
  std::vector<Extent> strides = dense_strides(whole);
  add_move(op, x, whole, {buffer(x), strides}, {buffer(y), strides});
  if (is_empty(shape)) return true;
  Extent& along = strides[axis_of(op)];
  const Extent first = begin_of(op, whole[static_cast<int>(axis_of(op))]) * along;
  along = along * op.attrs.integer("step");
  add_move(op, part, shape, {buffer(part), dense_strides(shape)}, {buffer(y), strides, first});
  return true;
}

// Lookups by index, which refuse what is out of range.
bool Planner::plan_lookup(ir::OpId id, std::string& why_not) {
  const ir::Op& op = main_.op(id);
  const ir::ValueId y = op.results[0];
  const auto fill = [&](LibraryKernel& kernel) {
    kernel.op = id;
    for (const ir::ValueId operand : op.operands) kernel.inputs.push_back(buffer(operand));
    kernel.outputs.push_back(buffer(y));
  };
  const int lanes = plan_.target.lanes(std::max<std::size_t>(4, size_of(type(y).dtype)));
  if (op.opcode == ir::Opcode::one_hot) {
    OneHotKernel kernel;
    kernel.depth = op.attrs.integer("depth");
    if (kernel.depth > std::numeric_limits<std::int32_t>::max())
      return why_not = "more columns than 32 bits count", false;
    fill(kernel);
    kernel.count = elements(type(op.operands[0]).shape);
    kernel.lanes = lanes;
    std::string reason = fmt::format("{} rows of {}", to_string(kernel.count), kernel.depth);
    add_step(std::move(kernel), op, "one_hot", std::move(reason));
    return true;
  }
  if (op.opcode != ir::Opcode::gather) return why_not = "no kernel of its own", false;
  GatherKernel kernel;
  fill(kernel);
  const Shape& x = type(op.operands[0]).shape;
  const auto axis = static_cast<int>(axis_of(op));
  kernel.outer = kernel.inner = 1;
  for (int d = 0; d < axis; ++d) kernel.outer = kernel.outer * Extent(x[d]);
  for (int d = axis + 1; d < x.rank(); ++d) kernel.inner = kernel.inner * Extent(x[d]);
  kernel.size = Extent(x[axis]);
  kernel.count = elements(type(op.operands[1]).shape);
  kernel.lanes = lanes;
  std::string reason =
      fmt::format("{} entries of {} elements", to_string(kernel.count), to_string(kernel.inner));
  add_step(std::move(kernel), op, "gather", std::move(reason));
  return true;
}

}  // namespace mlpjit::plan
