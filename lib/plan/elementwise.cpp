// Element-wise loops.

#include <algorithm>

#include <fmt/format.h>

#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

// Whether whole vectors and the tail go through one copy of the code.
bool shares_tail(const ir::Function& main, const Body& body, const Extent& count, int lanes) {
  // Up to this many instructions per vector the tail has its own.
  constexpr int kShort = 12;
  const bool one_form = count.multiple_of(lanes) || (count.is_known() && count.known() < lanes);
  return body_cost(main, body) > kShort && !one_form;
}

std::vector<Extent> sizes_of(const Shape& shape) {
  std::vector<Extent> sizes;
  for (int d = 0; d < shape.rank(); ++d) sizes.emplace_back(shape[d]);
  return sizes;
}

}  // namespace

// Results that no cache would keep, in one loop: a store into the cache would first read the line.
bool Planner::streams(const ElementwiseKernel& kernel) const {
  if (!plan_.target.streams || kernel.loops.size() != 1 || !kernel.loops[0].is_known())
    return false;
  return std::ranges::all_of(kernel.outputs, [&](const Access& out) {
    const std::size_t size = size_of(plan_.buffers[out.buffer].dtype);
    return size >= 4 && plan_.target.lanes(size) == kernel.lanes &&
           static_cast<std::size_t>(kernel.loops[0].known()) * size > plan_.target.cached_bytes();
  });
}

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
  kernel.streams = streams(kernel);
  kernel.shared_tail =
      !kernel.streams && shares_tail(main_, *body, kernel.loops.back(), kernel.lanes);
  const std::string reason = fmt::format("{} ops, {} loops, {} lanes", body->ops.size(),
                                         kernel.loops.size(), kernel.lanes);
  kernel.body = std::move(*body);
  add_step(std::move(kernel), named,
           named.opcode == ir::Opcode::fusion ? "elementwise" : ir::to_string(named.opcode),
           reason);
  return true;
}

}  // namespace mlpjit::plan
