// Reductions, searches and ops on rows: along what lies side by side in memory, over columns, or of
// what is brought to rows first.

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "lib/ir/opcodes.h"
#include "lib/numerics/backend.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

// The axes of an operand: those that stay, then the reduced ones.
struct Axes {
  std::vector<int> order;
  std::size_t kept = 0;
};

Axes reduced_axes_last(int rank, const std::vector<std::int64_t>& reduced) {
  Axes axes;
  for (int d = 0; d < rank; ++d) {
    if (std::find(reduced.begin(), reduced.end(), d) == reduced.end()) axes.order.push_back(d);
  }
  axes.kept = axes.order.size();
  for (const std::int64_t d : reduced) axes.order.push_back(static_cast<int>(d));
  return axes;
}

template <class T>
std::vector<T> permuted(const std::vector<T>& values, const std::vector<int>& order) {
  std::vector<T> result;
  for (const int d : order) result.push_back(values[static_cast<std::size_t>(d)]);
  return result;
}

Shape permuted(const Shape& shape, const std::vector<int>& order) {
  Shape result;
  for (const int d : order) result.push_back(shape[d]);
  return result;
}

// Rows that are reduced at a time: a chain of sums that waits for each step leaves most of the
// machine idle. Where what comes before the sums is long, or registers are few, one; where they are
// read again, not more than the cache keeps.
int rows_at_a_time(const ir::Function& main, const Body& producer, const std::vector<Extent>& outer,
                   int lanes, std::size_t row_bytes, const Target& target) {
  constexpr int kShort = 12, kMost = 4;
  if (outer.empty() || body_cost(main, producer) > kShort) return 1;
  const int registers = numerics::kLanes / lanes;  // of one chain
  int rows = std::clamp(target.vector_registers / 8 / registers, 1, kMost);
  const auto too_many = [&] {
    return (outer.back().is_known() && outer.back().known() < rows) ||
           static_cast<std::size_t>(rows) * row_bytes > target.l2_bytes / 2;
  };
  while (rows > 1 && too_many()) rows /= 2;
  return rows;
}

bool is_repeated_or_dense(const Extent& stride) {
  return stride == 0 || stride == 1;
}

// Loops over results, and over what is reduced for each.
struct Loops {
  ReductionKernel* kernel;
  std::vector<Extent> inner;  // inputs have strides over its outer loops, then these

  void collapse() {
    const std::size_t outer = kernel->outer.size();
    LoopNest nest{kernel->outer, {}};
    nest.sizes.insert(nest.sizes.end(), inner.begin(), inner.end());
    for (Access& in : kernel->inputs) nest.accesses.push_back(&in);
    nest.collapse(outer, nest.sizes.size());
    inner.assign(nest.sizes.begin() + static_cast<std::ptrdiff_t>(outer), nest.sizes.end());
    if (inner.empty()) {
      inner.emplace_back(1);
      for (Access& in : kernel->inputs) in.strides.emplace_back(0);
    }
    LoopNest results{kernel->outer, nest.accesses};
    for (Access& extra : kernel->extras) results.accesses.push_back(&extra);
    results.accesses.push_back(&kernel->out);
    results.collapse(0, outer);
    kernel->outer = results.sizes;
  }
  bool is_rows() const {
    return inner.size() == 1 && std::ranges::all_of(kernel->inputs, [](const Access& in) {
             return is_repeated_or_dense(in.strides.back());
           });
  }
  bool is_columns() const {
    if (inner.size() != 1 || kernel->outer.empty()) return false;
    const std::size_t column = kernel->outer.size() - 1;
    const auto fits = [column](const Access& each) {
      return is_repeated_or_dense(each.strides[column]);
    };
    return std::ranges::all_of(kernel->inputs, fits) && std::ranges::all_of(kernel->extras, fits) &&
           kernel->out.strides[column] == 1;
  }
};

}  // namespace

// The operand of a reduction, its axes in another order.
Access Planner::turned(const ir::Op& op, const std::vector<int>& order) {
  const ir::ValueId x = op.operands[0];
  const Shape &from = type(x).shape, to = permuted(from, order);
  const std::vector<Extent> dense = broadcast_strides(to, to);
  const BufferId made =
      workspace_buffer({type(x).dtype, to, false}, main_.value(x).name + ".turned");
  add_move(op, x, to, {buffer(x), permuted(broadcast_strides(from, from), order)}, {made, dense});
  return {made, dense};
}

// The other way round, to the result of an op.
void Planner::turn_back(const ir::Op& op, const Access& turned, const std::vector<int>& order) {
  const ir::ValueId result = op.results[0];
  const Shape& shape = type(result).shape;
  Access from = turned;
  for (std::size_t i = 0; i < order.size(); ++i)
    from.strides[static_cast<std::size_t>(order[i])] = turned.strides[i];
  add_move(op, result, shape, std::move(from), {buffer(result), broadcast_strides(shape, shape)});
}

bool Planner::plan_reduction(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not) {
  const ir::Op& op = main_.op(root);
  const ir::ValueId operand = op.operands[0],
                    result = ops.size() == 1 ? op.results[0] : resolve(named.results[0]);
  const ir::Type &from = type(operand), &to = type(op.results[0]);
  const std::vector<std::int64_t>& reduced = op.attrs.integers("axes");
  if (!is_floating(from.dtype)) return why_not = "reduces integers", false;
  if (is_empty(from.shape)) return why_not = "reduces nothing", false;
  const Sides parts = sides(ops, root);
  const std::optional<Body> producer = make_body(parts.producers, {}, {operand});
  const std::optional<Body> consumer = make_body(parts.consumers, op.results, {result});
  if (!producer || !consumer) return why_not = "an op around it is not compiled", false;

  const Axes axes = reduced_axes_last(from.shape.rank(), reduced);
  const std::vector<int> kept(axes.order.begin(),
                              axes.order.begin() + static_cast<std::ptrdiff_t>(axes.kept));
  std::vector<Extent> sizes;
  for (const int d : axes.order) sizes.emplace_back(from.shape[d]);
  Extent count = 1;
  for (std::size_t i = axes.kept; i < sizes.size(); ++i) count = count * sizes[i];
  if (!count.is_known()) return why_not = "how many it reduces is not known", false;
  const bool searches = ir::info(op.opcode).family == ir::Family::search;
  if (searches && count.known() > std::numeric_limits<std::int32_t>::max())
    return why_not = "more elements than 32 bits count", false;

  ColumnReductionKernel kernel;
  kernel.op = op.opcode;
  kernel.producer = *producer;
  kernel.consumer = *consumer;
  const auto arrange = [&](std::vector<Access> inputs) {
    kernel.inputs = std::move(inputs);
    kernel.outer.assign(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(axes.kept));
    // Results, and what consumers read, walk the kept axes only; with keepdims the reduced ones
    // have size 1.
    const auto over_results = [&](ir::ValueId value) {
      Access at = access(value, to.shape);
      if (to.shape.rank() == from.shape.rank()) at.strides = permuted(at.strides, kept);
      return at;
    };
    kernel.extras.clear();
    for (std::size_t i = 1; i < consumer->arguments.size(); ++i)
      kernel.extras.push_back(over_results(consumer->arguments[i]));
    kernel.out = over_results(result);
    Loops loops{&kernel, {sizes.begin() + static_cast<std::ptrdiff_t>(axes.kept), sizes.end()}};
    loops.collapse();
    kernel.inner = count.known();
    return loops;
  };
  std::vector<Access> inputs;
  for (const ir::ValueId argument : producer->arguments) {
    inputs.push_back(access(argument, from.shape));
    inputs.back().strides = permuted(inputs.back().strides, axes.order);
  }
  Loops loops = arrange(std::move(inputs));
  if (!loops.is_rows() && !loops.is_columns()) {
    if (!parts.producers.empty())
      return why_not = "the reduced axes are not one run of memory", false;
    loops = arrange({turned(op, axes.order)});
  }
  add_reduction(std::move(kernel), loops.is_rows(), named, op);
  return true;
}

// With its loops: over rows, or the last of the outer ones over columns.
void Planner::add_reduction(ColumnReductionKernel kernel, bool is_rows, const ir::Op& named,
                            const ir::Op& op) {
  const auto reason = [&](const char* how) {
    return fmt::format("{} results of {} elements, {}",
                       to_string(elements(type(op.results[0]).shape)), kernel.inner, how);
  };
  const std::size_t size = size_of(type(op.operands[0]).dtype);
  if (is_rows) {
    kernel.lanes = std::min(plan_.target.lanes(size), numerics::kLanes);
    kernel.rows = rows_at_a_time(main_, kernel.producer, kernel.outer, kernel.lanes,
                                 static_cast<std::size_t>(kernel.inner) * size, plan_.target);
    std::string text = reason("16 lanes");
    add_step(std::move(static_cast<ReductionKernel&>(kernel)), named, ir::to_string(op.opcode),
             std::move(text));
    return;
  }
  kernel.lanes = std::min(body_lanes(main_, kernel.producer, plan_.target),
                          body_lanes(main_, kernel.consumer, plan_.target));
  kernel.columns = kernel.outer.back();
  kernel.outer.pop_back();
  for (Access& in : kernel.inputs) std::swap(in.strides.end()[-1], in.strides.end()[-2]);
  std::string text = reason("columns side by side");
  add_step(std::move(kernel), named, ir::to_string(op.opcode), std::move(text));
}

bool Planner::plan_row(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not) {
  const ir::Op& op = main_.op(root);
  const ir::ValueId operand = op.operands[0],
                    result = ops.size() == 1 ? op.results[0] : resolve(named.results[0]);
  const Shape& shape = type(operand).shape;
  if (shape.rank() == 0) return why_not = "rank 0", false;
  const Sides parts = sides(ops, root);
  const std::optional<Body> producer = make_body(parts.producers, {}, {operand});
  const std::optional<Body> consumer = make_body(parts.consumers, op.results, {result});
  if (!producer || !consumer) return why_not = "an op around it is not compiled", false;
  if (is_empty(shape)) return buffer(result), true;
  const bool norm = op.opcode == ir::Opcode::layer_norm;
  const auto axis = norm ? shape.rank() - 1 : static_cast<int>(op.attrs.integer("axis"));
  if (!shape[axis].is_static()) return why_not = "the length of its rows is not known", false;
  const bool is_turned = axis + 1 < shape.rank();
  if (is_turned && ops.size() > 1) return why_not = "not over the last axis", false;

  RowKernel kernel;
  kernel.op = op.opcode;
  kernel.columns = shape[axis].value();
  const std::vector<int> order = reduced_axes_last(shape.rank(), {axis}).order;
  const Shape rows = permuted(shape, order);
  if (is_turned) {
    const BufferId made =
        workspace_buffer({type(operand).dtype, rows, false}, main_.value(result).name + ".turned");
    kernel.inputs = {turned(op, order)};
    kernel.out = {made, broadcast_strides(rows, rows)};
  } else {
    for (const ir::ValueId argument : producer->arguments)
      kernel.inputs.push_back(access(argument, shape));
    for (std::size_t i = 1; i < consumer->arguments.size(); ++i)
      kernel.extras.push_back(access(consumer->arguments[i], shape));
    kernel.out = access(result, shape);
  }
  Access out = kernel.out;
  LoopNest nest;
  for (int d = 0; d < rows.rank(); ++d) nest.sizes.emplace_back(rows[d]);
  for (Access& in : kernel.inputs) nest.accesses.push_back(&in);
  for (Access& extra : kernel.extras) nest.accesses.push_back(&extra);
  nest.accesses.push_back(&kernel.out);
  nest.collapse(0, nest.sizes.size() - 1);
  kernel.outer.assign(nest.sizes.begin(), nest.sizes.end() - 1);
  if (norm) {
    kernel.gamma = buffer(op.operands[1]);
    kernel.beta = buffer(op.operands[2]);
    kernel.epsilon = op.attrs.floating("epsilon");
  }
  kernel.producer = *producer;
  kernel.consumer = *consumer;
  const std::size_t size = size_of(type(operand).dtype);
  kernel.lanes = std::min(plan_.target.lanes(size), numerics::kLanes);
  kernel.kept = !kernel.producer.ops.empty();
  if (!kernel.kept) {
    kernel.rows = rows_at_a_time(main_, kernel.producer, kernel.outer, kernel.lanes,
                                 static_cast<std::size_t>(kernel.columns) * size, plan_.target);
  }
  if (kernel.kept || kernel.op == ir::Opcode::softmax)
    kernel.scratch = workspace_buffer({type(operand).dtype, {kernel.columns}, false}, "row");
  const std::string reason = fmt::format(
      "{} rows of {}", to_string(elements(shape).divided_by(kernel.columns)), kernel.columns);
  add_step(std::move(kernel), named, ir::to_string(op.opcode), reason);
  if (is_turned) turn_back(op, out, order);
  return true;
}

}  // namespace mlpjit::plan
