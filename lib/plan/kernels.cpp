// Element-wise loops, reductions and rows.

#include <algorithm>

#include <fmt/format.h>

#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

// Elements of one vector in the lane form of a reduction of what the body gives.
int reduction_lanes(const ir::Function& main, const Body& producer, const Target& target) {
  const DType dtype = main.value(producer.results[0]).type.dtype;
  return std::min(target.lanes(size_of(dtype)), numerics::kLanes);
}

// Whether whole vectors and the tail go through one copy of the code.
bool shares_tail(const ir::Function& main, const Body& body, const Extent& count, int lanes) {
  // Up to this many instructions per vector the tail has its own.
  constexpr int kShort = 12;
  const bool one_form = count.multiple_of(lanes) || (count.is_known() && count.known() < lanes);
  return body_cost(main, body) > kShort && !one_form;
}

// The loops of a shape with some axes put last.
struct Axes {
  std::vector<int> order;  // outer axes, then inner ones
  std::size_t outer = 0;   // how many outer
};

Axes axes_with_last(int rank, const std::vector<std::int64_t>& inner) {
  Axes axes;
  for (int d = 0; d < rank; ++d) {
    if (std::find(inner.begin(), inner.end(), d) == inner.end()) axes.order.push_back(d);
  }
  axes.outer = axes.order.size();
  for (const std::int64_t d : inner) axes.order.push_back(static_cast<int>(d));
  return axes;
}

std::vector<Extent> permuted(const std::vector<Extent>& values, const std::vector<int>& order) {
  std::vector<Extent> result;
  for (const int d : order) result.push_back(values[static_cast<std::size_t>(d)]);
  return result;
}

std::vector<Extent> sizes_of(const Shape& shape) {
  std::vector<Extent> sizes;
  for (int d = 0; d < shape.rank(); ++d) sizes.emplace_back(shape[d]);
  return sizes;
}

}  // namespace

bool Planner::plan_elementwise(Ops ops, std::span<const ir::ValueId> results, const ir::Op& named,
                               std::string& why_not) {
  std::optional<Body> body = make_body(ops, {}, {results.begin(), results.end()});
  if (!body) return why_not = "may fail, or takes steps as its values ask", false;
  const Shape& shape = type(results[0]).shape;
  for (const ir::ValueId result : results) {
    if (!identical(type(result).shape, shape)) return why_not = "results of several shapes", false;
  }
  if (is_empty(shape)) {
    for (const ir::ValueId result : results) buffer(result);
    return true;
  }
  ElementwiseKernel kernel;
  kernel.loops = sizes_of(shape);
  for (const ir::ValueId argument : body->arguments)
    kernel.inputs.push_back(access(argument, shape));
  for (const ir::ValueId result : results) kernel.outputs.push_back(access(result, shape));
  LoopNest nest{kernel.loops, {}};
  for (Access& input : kernel.inputs) nest.accesses.push_back(&input);
  for (Access& output : kernel.outputs) nest.accesses.push_back(&output);
  nest.collapse(0, nest.sizes.size());
  if (nest.sizes.empty()) {  // one element
    nest.sizes.push_back(1);
    for (Access* one : nest.accesses) one->strides.push_back(1);
  }
  kernel.loops = nest.sizes;
  kernel.lanes = body_lanes(main_, *body, plan_.target);
  kernel.shared_tail = shares_tail(main_, *body, kernel.loops.back(), kernel.lanes);
  const std::string reason = fmt::format("{} ops, {} loops, {} lanes", body->ops.size(),
                                         kernel.loops.size(), kernel.lanes);
  kernel.body = std::move(*body);
  add_step(std::move(kernel), named,
           named.opcode == ir::Opcode::fusion ? "elementwise" : ir::to_string(named.opcode),
           reason);
  return true;
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

  const Axes axes = axes_with_last(from.shape.rank(), reduced);
  ReductionKernel kernel;
  kernel.op = op.opcode;
  const std::vector<Extent> sizes = permuted(sizes_of(from.shape), axes.order);
  LoopNest nest{sizes, {}};
  for (const ir::ValueId argument : producer->arguments) {
    Access in = access(argument, from.shape);
    in.strides = permuted(in.strides, axes.order);
    kernel.inputs.push_back(std::move(in));
  }
  for (Access& in : kernel.inputs) nest.accesses.push_back(&in);
  nest.collapse(axes.outer, sizes.size());
  const std::size_t inner_loops = nest.sizes.size() - axes.outer;
  if (inner_loops > 1) return why_not = "the reduced axes are not one run of memory", false;
  if (inner_loops > 0 && !nest.sizes.back().is_known())
    return why_not = "how many it reduces is not known", false;
  kernel.inner = inner_loops == 0 ? 1 : nest.sizes.back().known();
  for (Access& in : kernel.inputs) {
    if (inner_loops == 0) in.strides.push_back(0);
    if (in.strides.back() != 0 && in.strides.back() != 1)
      return why_not = "the reduced axes are not last", false;
  }
  // Results, and what consumers read, walk the outer axes only; with keepdims the reduced ones have
  // size 1.
  std::vector<int> kept(axes.order.begin(),
                        axes.order.begin() + static_cast<std::ptrdiff_t>(axes.outer));
  const auto outer_access = [&](ir::ValueId value) {
    Access at = access(value, to.shape);
    if (to.shape.rank() == from.shape.rank()) at.strides = permuted(at.strides, kept);
    return at;
  };
  for (std::size_t i = 1; i < consumer->arguments.size(); ++i) {
    kernel.extras.push_back(outer_access(consumer->arguments[i]));
  }
  kernel.out = outer_access(result);
  kernel.outer.assign(nest.sizes.begin(),
                      nest.sizes.begin() + static_cast<std::ptrdiff_t>(axes.outer));
  LoopNest outer{kernel.outer, nest.accesses};
  for (Access& extra : kernel.extras) outer.accesses.push_back(&extra);
  outer.accesses.push_back(&kernel.out);
  outer.collapse(0, axes.outer);
  kernel.outer = outer.sizes;
  kernel.producer = *producer;
  kernel.consumer = *consumer;
  kernel.lanes = reduction_lanes(main_, kernel.producer, plan_.target);
  const std::string reason = fmt::format("{} results of {} elements, 16 lanes",
                                         to_string(elements(to.shape)), kernel.inner);
  add_step(std::move(kernel), named, ir::to_string(op.opcode), reason);
  return true;
}

bool Planner::plan_row(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not) {
  const ir::Op& op = main_.op(root);
  const ir::ValueId operand = op.operands[0],
                    result = ops.size() == 1 ? op.results[0] : resolve(named.results[0]);
  const Shape& shape = type(operand).shape;
  if (shape.rank() == 0) return why_not = "rank 0", false;
  if (op.opcode != ir::Opcode::layer_norm) {
    const std::int64_t axis = op.attrs.integer("axis");
    if (axis != shape.rank() - 1) return why_not = "not over the last axis", false;
  }
  const Sides parts = sides(ops, root);
  const std::optional<Body> producer = make_body(parts.producers, {}, {operand});
  const std::optional<Body> consumer = make_body(parts.consumers, op.results, {result});
  if (!producer || !consumer) return why_not = "an op around it is not compiled", false;
  if (is_empty(shape)) return buffer(result), true;
  if (!shape[-1].is_static()) return why_not = "the length of its rows is not known", false;

  RowKernel kernel;
  kernel.op = op.opcode;
  kernel.columns = shape[-1].value();
  LoopNest nest;
  for (const ir::ValueId argument : producer->arguments)
    kernel.inputs.push_back(access(argument, shape));
  for (std::size_t i = 1; i < consumer->arguments.size(); ++i) {
    kernel.extras.push_back(access(consumer->arguments[i], shape));
  }
  kernel.out = access(result, shape);
  nest.sizes = sizes_of(shape);
  for (Access& in : kernel.inputs) nest.accesses.push_back(&in);
  for (Access& extra : kernel.extras) nest.accesses.push_back(&extra);
  nest.accesses.push_back(&kernel.out);
  nest.collapse(0, nest.sizes.size() - 1);
  kernel.outer.assign(nest.sizes.begin(), nest.sizes.end() - 1);
  if (op.opcode == ir::Opcode::layer_norm) {
    kernel.gamma = buffer(op.operands[1]);
    kernel.beta = buffer(op.operands[2]);
    kernel.epsilon = op.attrs.floating("epsilon");
  }
  kernel.producer = *producer;
  kernel.consumer = *consumer;
  kernel.lanes = reduction_lanes(main_, kernel.producer, plan_.target);
  kernel.scratch = workspace_buffer({type(operand).dtype, {kernel.columns}, false}, "row");
  const Extent rows = elements(shape).divided_by(kernel.columns);
  const std::string reason =
      fmt::format("{} rows of {}, each read once", to_string(rows), kernel.columns);
  add_step(std::move(kernel), named, ir::to_string(op.opcode), reason);
  return true;
}

}  // namespace mlpjit::plan
