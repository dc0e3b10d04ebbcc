// Control flow: a region becomes the steps behind its control step.
//
// What a region yields goes straight to where it belongs when an op of the region makes it; values
// from outside, arguments, constants and second uses are copied there by the last steps.

#include <algorithm>

#include <fmt/format.h>

#include "lib/ir/opcodes.h"
#include "lib/plan/planner.h"
#include "mlpjit/error.h"

namespace mlpjit::plan {

std::vector<NamedRange> regions_of(const Kernel& kernel) {
  if (const auto* cond = std::get_if<CondKernel>(&kernel))
    return {{"then", cond->then_steps}, {"else", cond->else_steps}};
  if (const auto* loop = std::get_if<WhileKernel>(&kernel))
    return {{"condition", loop->condition_steps}, {"body", loop->body_steps}};
  if (const auto* scan = std::get_if<ScanKernel>(&kernel)) return {{"body", scan->body_steps}};
  return {};
}

const char* kind_of(const Kernel& kernel) {
  struct Kind {
    const char* operator()(const ElementwiseKernel&) const { return "elementwise"; }
    const char* operator()(const TransposeKernel&) const { return "transpose"; }
    const char* operator()(const DenseKernel&) const { return "dense"; }
    const char* operator()(const NarrowDenseKernel&) const { return "narrow_dense"; }
    const char* operator()(const MatrixVectorKernel&) const { return "matrix_vector"; }
    const char* operator()(const ReductionKernel&) const { return "reduction"; }
    const char* operator()(const ColumnReductionKernel&) const { return "column_reduction"; }
    const char* operator()(const GatherKernel&) const { return "gather"; }
    const char* operator()(const OneHotKernel&) const { return "one_hot"; }
    const char* operator()(const RowKernel&) const { return "row"; }
    const char* operator()(const LibraryKernel&) const { return "library"; }
    const char* operator()(const CopyKernel&) const { return "copy"; }
    const char* operator()(const CondKernel&) const { return "cond"; }
    const char* operator()(const WhileKernel&) const { return "while"; }
    const char* operator()(const ScanKernel&) const { return "scan"; }
  };
  return std::visit(Kind{}, kernel);
}

const LibraryKernel* library_op(const Kernel& kernel) {
  return std::visit(
      []<class K>(const K& one) -> const LibraryKernel* {
        if constexpr (std::is_base_of_v<LibraryKernel, K>) return &one;
        return nullptr;
      },
      kernel);
}

std::uint32_t Plan::after(std::uint32_t step) const {
  const std::vector<NamedRange> regions = regions_of(steps[step].kernel);
  return regions.empty() ? step + 1 : regions.back().steps.end;
}

void Planner::plan_control(ir::OpId id) {
  const ir::Op& op = main_.op(id);
  switch (op.opcode) {
    case ir::Opcode::cond: return plan_cond(op);
    case ir::Opcode::while_loop: return plan_while(op);
    case ir::Opcode::scan: return plan_scan(op);
    default: throw InternalError("plan: no control flow: " + std::string(to_string(op.opcode)));
  }
}

void Planner::plan_cond(const ir::Op& op) {
  CondKernel kernel;
  kernel.predicate = buffer(op.operands[0]);
  const ir::Region* branches[] = {&main_.region(op.regions[0]), &main_.region(op.regions[1])};
  for (const ir::Region* branch : branches) {
    for (std::size_t i = 0; i < branch->arguments.size(); ++i)
      alias_[branch->arguments[i]] = op.operands[i + 1];
  }
  std::vector<Delivery> deliveries[2];
  for (std::size_t i = 0; i < op.results.size(); ++i) {
    const ir::ValueId yields[] = {branches[0]->results[i], branches[1]->results[i]};
    if (type(op.results[i]).token) continue;
    if (resolve(yields[0]) == resolve(yields[1])) {  // passed by
      alias_[op.results[i]] = yields[0];
      continue;
    }
    const BufferId to = buffer(op.results[i]);
    for (int b = 0; b < 2; ++b) deliveries[b].push_back({yields[b], to});
  }
  const std::uint32_t at =
      add_step(CondKernel{}, op, "cond",
               fmt::format("branch on %{}, each writes the {} results",
                           main_.value(op.operands[0]).name, deliveries[0].size()));
  kernel.then_steps = plan_region(op.regions[0], at, "then", deliveries[0]);
  kernel.else_steps = plan_region(op.regions[1], at, "else", deliveries[1]);
  plan_.steps[at].kernel = kernel;
}

// Values carried by a loop; those that a turn gives back as they were are no more than another
// name.
std::vector<Carried> Planner::carry(const ir::Op& op, std::size_t count,
                                    std::vector<Delivery>& deliveries) {
  const ir::Region& body = main_.region(op.regions.back());
  std::vector<Carried> all;
  for (std::size_t i = 0; i < count; ++i) {
    const ir::ValueId operand = op.operands[i], result = op.results[i];
    if (type(operand).token) continue;
    const bool same = body.results[i] == body.arguments[i];
    Carried one;
    if (!same) {
      const ir::Type& info = type(operand);
      const std::string& name = main_.value(result).name;
      one.initial = buffer(operand);
      for (BufferId& memory : one.memory) memory = workspace_buffer(info, name);
      one.current = pointer(info, name, {one.initial, one.memory[0], one.memory[1]});
      one.next = pointer(info, name + ".next", {one.memory[0], one.memory[1]});
      all.push_back(one);
      deliveries.push_back({body.results[i], one.next});
    }
    for (const ir::RegionId region : op.regions) {
      const ir::ValueId argument = main_.region(region).arguments[i];
      if (same) {
        alias_[argument] = operand;
      } else {
        buffers_[argument] = one.current;
      }
    }
    if (same) {
      alias_[result] = operand;
    } else {
      buffers_[result] = one.current;
    }
  }
  return all;
}

void Planner::plan_while(const ir::Op& op) {
  WhileKernel kernel;
  std::vector<Delivery> deliveries;
  kernel.carried = carry(op, op.operands.size(), deliveries);
  kernel.max_iterations = op.attrs.integer("max_iterations");
  const std::uint32_t at = add_step(
      WhileKernel{}, op, "while",
      fmt::format("loop, {} carried values, each in two buffers by turns", kernel.carried.size()));
  kernel.condition_steps = plan_region(op.regions[0], at, "condition", {});
  kernel.condition = buffer(main_.region(op.regions[0]).results[0]);
  kernel.body_steps = plan_region(op.regions[1], at, "body", deliveries);
  plan_.steps[at].kernel = std::move(kernel);
}

void Planner::plan_scan(const ir::Op& op) {
  ScanKernel kernel;
  std::vector<Delivery> deliveries;
  const auto carried = static_cast<std::size_t>(op.attrs.integer("carried"));
  const ir::Region& body = main_.region(op.regions[0]);
  kernel.carried = carry(op, carried, deliveries);
  kernel.length = Extent(type(op.operands[carried]).shape[0]);
  for (std::size_t i = carried; i < op.operands.size(); ++i) {
    const ir::Value& argument = main_.value(body.arguments[i]);
    const BufferId whole = buffer(op.operands[i]);
    const BufferId entry = pointer(argument.type, argument.name, {whole});
    buffers_[body.arguments[i]] = entry;
    kernel.xs.push_back({whole, entry});
  }
  for (std::size_t i = carried; i < op.results.size(); ++i) {
    const ir::Value& yield = main_.value(body.results[i]);
    const BufferId whole = buffer(op.results[i]);
    const BufferId entry = pointer(yield.type, yield.name + ".entry", {whole});
    deliveries.push_back({body.results[i], entry});
    kernel.ys.push_back({whole, entry});
  }
  const std::uint32_t at =
      add_step(ScanKernel{}, op, "scan",
               fmt::format("loop of {} turns, {} carried values, {} slices read, {} written",
                           to_string(kernel.length), kernel.carried.size(), kernel.xs.size(),
                           kernel.ys.size()));
  kernel.body_steps = plan_region(op.regions[0], at, "body", deliveries);
  plan_.steps[at].kernel = std::move(kernel);
}

StepRange Planner::plan_region(ir::RegionId id, std::uint32_t control, std::string_view name,
                               std::span<const Delivery> deliveries) {
  const std::string outer = prefix_;
  prefix_ = fmt::format("{}.{}.", plan_.steps[control].name, name);
  const auto first_own = static_cast<BufferId>(plan_.buffers.size());
  StepRange range = plan_.all_steps();
  range.begin = range.end;
  for (const ir::OpId op : main_.region(id).ops) plan_op(op);
  for (const Delivery& delivery : deliveries) deliver(delivery, first_own);
  range.end = plan_.all_steps().end;
  prefix_ = outer;
  return range;
}

// Memory of the region's own that has no other duty becomes a name of the place.
void Planner::deliver(const Delivery& delivery, BufferId first_own) {
  const BufferId from = buffer(delivery.value), root = plan_.buffers[from].root;
  if (plan_.buffers[root].place == Place::workspace && root >= first_own) {
    move_memory(root, delivery.to);
  } else {
    add_copy(from, delivery.to, "a yield that is held elsewhere too");
  }
}

void Planner::move_memory(BufferId root, BufferId to) {
  const Place place = plan_.buffers[to].place;
  const std::uint32_t slot = plan_.buffers[to].slot;
  for (BufferId id = root; id < plan_.buffers.size(); ++id) {  // views come behind their memory
    Buffer& view = plan_.buffers[id];
    if (view.root != root) continue;
    view.root = to;
    view.place = place;
    view.slot = slot;
  }
}

BufferId Planner::pointer(const ir::Type& type, std::string name, std::vector<BufferId> targets) {
  const BufferId made = slot_buffer(0, type, std::move(name));
  plan_.buffers[made].place = Place::indirect;
  plan_.buffers[made].targets = std::move(targets);
  return made;
}

void Planner::add_copy(BufferId from, BufferId to, std::string reason) {
  if (plan_.buffers[from].bytes == 0) return;
  plan_.steps.push_back(
      {CopyKernel{from, to, plan_.target.vector_bytes}, prefix_ + "copy", std::move(reason)});
}

}  // namespace mlpjit::plan
