#include "lib/plan/planner.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "lib/ir/fusion.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

// Slots of constants count from here until run() knows where the first one is.
constexpr std::uint32_t kConstants = 1U << 30;

Extent bytes_of(const ir::Type& type) {
  return elements(type.shape) * size_of(type.dtype);
}

}  // namespace

Planner::Planner(std::shared_ptr<const ir::Graph> graph, const Target& target,
                 const Division& division)
    : division_(division), main_(graph->main()) {
  plan_.graph = std::move(graph);
  plan_.target = target;
}

Plan Planner::run() {
  const auto add_slot = [&](SlotKind kind, std::size_t index) {
    Slot slot;
    slot.kind = kind;
    slot.index = static_cast<std::uint32_t>(index);
    plan_.slots.push_back(std::move(slot));
    return static_cast<std::uint32_t>(plan_.slots.size() - 1);
  };
  const ir::Region& body = main_.body();
  for (std::size_t i = 0; i < body.arguments.size(); ++i) {
    const std::uint32_t slot = add_slot(SlotKind::input, i);
    const ir::Value& value = main_.value(body.arguments[i]);
    if (!value.type.token) buffers_[body.arguments[i]] = slot_buffer(slot, value.type, value.name);
  }
  for (std::size_t i = 0; i < body.results.size(); ++i) add_slot(SlotKind::output, i);
  for (const ir::Update& update : main_.updates()) {
    if (!type(update.value).token) add_slot(SlotKind::update, update.input);
  }
  for (const ir::OpId id : body.ops) plan_op(id);
  copy_results();
  // Constants and packed weights are known only now; their buffers say which of them they are.
  const auto first_constant = static_cast<std::uint32_t>(plan_.slots.size());
  for (const ir::Literal& literal : literals_) {
    plan_.slots[add_slot(SlotKind::constant, plan_.slots.size() - first_constant)].literal =
        literal;
  }
  for (Buffer& buffer : plan_.buffers) {
    if (buffer.slot >= kConstants) buffer.slot = buffer.slot - kConstants + first_constant;
  }
  for (const PackedUse& use : packed_) {
    const std::uint32_t slot = add_slot(SlotKind::packed, use.input);
    plan_.slots[slot].layout = use.layout;
    plan_.buffers[use.buffer].slot = slot;
  }
  pad_rows();
  divide_steps();
  set_lifetimes(plan_);
  assign_offsets(plan_);
  return std::move(plan_);
}

void Planner::divide_steps() {
  if (division_.threads == 1) return;
  for (Step& step : plan_.steps) {
    step.units = choose_units(plan_, step.kernel, division_);
    const auto* row = std::get_if<RowKernel>(&step.kernel);
    if (row == nullptr || row->scratch < 0 || !step.units.divided()) continue;
    const Buffer& scratch = plan_.buffers[static_cast<BufferId>(row->scratch)];
    plan_.scratch_bytes = std::max(plan_.scratch_bytes, scratch.bytes.known());
  }
}

ir::ValueId Planner::resolve(ir::ValueId value) const {
  for (auto at = alias_.find(value); at != alias_.end(); at = alias_.find(value))
    value = at->second;
  return value;
}

// The constant op that makes a value, through fusions; null for all others.
const ir::Op* Planner::constant_of(ir::ValueId value) const {
  const ir::OpId producer = main_.value(resolve(value)).producer;
  if (!producer.valid() || main_.op(producer).opcode != ir::Opcode::constant) return nullptr;
  return &main_.op(producer);
}

BufferId Planner::slot_buffer(std::uint32_t slot, const ir::Type& type, std::string name) {
  Buffer made;
  made.place = Place::slot;
  made.slot = slot;
  made.bytes = bytes_of(type);
  made.dtype = type.dtype;
  made.shape = type.shape;
  made.root = static_cast<BufferId>(plan_.buffers.size());
  made.name = std::move(name);
  plan_.buffers.push_back(std::move(made));
  return static_cast<BufferId>(plan_.buffers.size() - 1);
}

std::uint32_t Planner::constant_slot(const ir::Literal& literal) {
  const auto known =
      std::find_if(literals_.begin(), literals_.end(), [&](const ir::Literal& other) {
        return other.bytes == literal.bytes && other.dtype == literal.dtype &&
               identical(other.shape, literal.shape);
      });
  if (known != literals_.end())
    return kConstants + static_cast<std::uint32_t>(known - literals_.begin());
  literals_.push_back(literal);
  return kConstants + static_cast<std::uint32_t>(literals_.size() - 1);
}

// Where a value is, made on demand: constants in a slot, all others in the workspace.
BufferId Planner::buffer(ir::ValueId value) {
  value = resolve(value);
  if (const auto turned = waiting_.find(value); turned != waiting_.end()) {
    const ir::OpId op = turned->second;
    waiting_.erase(turned);
    plan_movement(main_.op(op));
  }
  const auto known = buffers_.find(value);
  if (known != buffers_.end()) return known->second;
  const ir::Value& info = main_.value(value);
  if (info.type.token) throw InternalError("plan: a token has no buffer");
  BufferId made = 0;
  if (const ir::Op* constant = constant_of(value)) {
    made =
        slot_buffer(constant_slot(constant->attrs.get<ir::Literal>("value")), info.type, info.name);
  } else {
    made = workspace_buffer(info.type, info.name);
  }
  buffers_[value] = made;
  return made;
}

BufferId Planner::workspace_buffer(const ir::Type& type, std::string name) {
  const BufferId made = slot_buffer(0, type, std::move(name));
  plan_.buffers[made].place = Place::workspace;
  return made;
}

std::uint32_t Planner::add_step(Kernel kernel, const ir::Op& op, std::string_view kind,
                                std::string reason) {
  std::string name = fmt::format("{}{}{}{}", prefix_, op.path, op.path.empty() ? "" : ".", kind);
  plan_.steps.push_back({std::move(kernel), std::move(name), std::move(reason)});
  return static_cast<std::uint32_t>(plan_.steps.size() - 1);
}

void Planner::plan_op(ir::OpId id) {
  const ir::Op& op = main_.op(id);
  if (op.opcode == ir::Opcode::fusion) return plan_fusion(op);
  if (!op.regions.empty()) return plan_control(id);
  plan_alone(id);
}

void Planner::plan_alone(ir::OpId id) {
  const ir::Op& op = main_.op(id);
  if (op.opcode == ir::Opcode::constant) return;  // a slot when somebody reads it
  if (op.opcode == ir::Opcode::reshape) {
    const BufferId from = buffer(op.operands[0]);
    Buffer view = plan_.buffers[from];
    view.shape = type(op.results[0]).shape;
    view.name = main_.value(op.results[0]).name;
    plan_.buffers.push_back(std::move(view));
    buffers_[op.results[0]] = static_cast<BufferId>(plan_.buffers.size() - 1);
    return;
  }
  if (may_wait(op)) {
    waiting_[op.results[0]] = id;
    return;
  }
  std::string why_not;
  if (ir::info(op.opcode).family == ir::Family::elementwise) {
    if (plan_elementwise({&id, 1}, op.results, op, why_not)) return;
  } else if (ir::rooted_kind(op.opcode)) {
    if (plan_rooted({&id, 1}, id, op, why_not)) return;
  } else if (ir::info(op.opcode).family == ir::Family::search) {
    if (plan_reduction({&id, 1}, id, op, why_not)) return;
  } else if (ir::info(op.opcode).has(ir::kMayFail)) {
    if (plan_lookup(id, why_not)) return;
  } else if (plan_movement(op)) {
    return;
  } else {
    why_not = "no kernel of its own";
  }
  plan_library(id, std::move(why_not));
}

// An input [N, K] turned over, which regions do not read: a branch or a loop would have to find it
// made.
bool Planner::may_wait(const ir::Op& op) const {
  if (op.opcode != ir::Opcode::transpose || op.parent != ir::Function::kBody) return false;
  const std::vector<std::int64_t> turned = {1, 0};
  const std::vector<ir::ValueId>& inputs = main_.body().arguments;
  if (op.attrs.integers("permutation") != turned || !type(op.operands[0]).shape.is_static() ||
      std::find(inputs.begin(), inputs.end(), op.operands[0]) == inputs.end()) {
    return false;
  }
  const auto has = [&](const std::vector<ir::ValueId>& values) {
    return std::find(values.begin(), values.end(), op.results[0]) != values.end();
  };
  for (std::size_t i = 0; i < main_.op_count(); ++i) {
    const ir::Op& user = main_.op(ir::OpId(i));
    if (user.parent != ir::Function::kBody && has(user.operands)) return false;
  }
  for (std::size_t i = 1; i < main_.region_count(); ++i) {
    if (has(main_.region(ir::RegionId(i)).results)) return false;
  }
  return true;
}

// Members alone, one after the other, where no kernel takes the whole; their steps say why.
void Planner::plan_fusion(const ir::Op& fusion) {
  const ir::Region& region = main_.region(fusion.regions[0]);
  for (std::size_t i = 0; i < region.arguments.size(); ++i)
    alias_[region.arguments[i]] = fusion.operands[i];
  for (std::size_t i = 0; i < fusion.results.size(); ++i)
    alias_[fusion.results[i]] = region.results[i];
  const auto root = std::find_if(region.ops.begin(), region.ops.end(), [&](ir::OpId id) {
    return ir::rooted_kind(main_.op(id).opcode).has_value();
  });
  const std::size_t first = plan_.steps.size();
  std::string why_not;
  const bool whole = root == region.ops.end()
                         ? plan_elementwise(region.ops, region.results, fusion, why_not)
                         : plan_rooted(region.ops, *root, fusion, why_not);
  if (whole) {
    if (plan_.steps.size() > first) ++plan_.fusions;  // nothing is run for results without elements
    if (plan_.steps.size() == first) return;
    for (const ir::OpId id : region.ops) {  // those before make what it reads
      const ir::Opcode opcode = main_.op(id).opcode;
      if (opcode != ir::Opcode::constant) plan_.steps.back().fused.push_back(opcode);
    }
    return;
  }
  for (const ir::OpId id : region.ops) plan_alone(id);
  for (std::size_t i = first; i < plan_.steps.size(); ++i)
    plan_.steps[i].reason += fmt::format("; not one kernel with its group: {}", why_not);
}

bool Planner::plan_rooted(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not) {
  const std::optional<ir::FusionKind> kind = ir::rooted_kind(main_.op(root).opcode);
  switch (kind.value_or(ir::FusionKind::elementwise)) {
    case ir::FusionKind::dense: return plan_dense(ops, root, named, why_not);
    case ir::FusionKind::reduction: return plan_reduction(ops, root, named, why_not);
    case ir::FusionKind::row: return plan_row(ops, root, named, why_not);
    case ir::FusionKind::elementwise: break;
  }
  throw InternalError(fmt::format("plan: {} is no root", ir::to_string(main_.op(root).opcode)));
}

void Planner::plan_library(ir::OpId id, std::string reason) {
  const ir::Op& op = main_.op(id);
  LibraryKernel kernel;
  kernel.op = id;
  const auto place = [&](ir::ValueId value) {
    return type(value).token ? std::int64_t{-1} : static_cast<std::int64_t>(buffer(value));
  };
  for (const ir::ValueId operand : op.operands) kernel.inputs.push_back(place(operand));
  for (const ir::ValueId result : op.results) kernel.outputs.push_back(place(result));
  add_step(std::move(kernel), op, ir::to_string(op.opcode), "library: " + reason);
}

// Results go straight to their output where they can; inputs, constants and second uses are copied.
void Planner::copy_results() {
  const auto inputs = static_cast<std::uint32_t>(main_.body().arguments.size());
  for (std::size_t i = 0; i < main_.body().results.size(); ++i) {
    const ir::ValueId value = main_.body().results[i];
    if (type(value).token) continue;
    const auto slot = inputs + static_cast<std::uint32_t>(i);
    const BufferId from = buffer(value);
    const BufferId root = plan_.buffers[from].root;
    if (plan_.buffers[root].place == Place::workspace) {
      for (Buffer& view : plan_.buffers) {
        if (view.root != root) continue;
        view.place = Place::slot;
        view.slot = slot;
      }
    } else {
      add_copy(from, slot_buffer(slot, type(value), "result"),
               "an output that is held elsewhere too");
    }
  }
  copy_updates(inputs + static_cast<std::uint32_t>(main_.body().results.size()));
}

// Updates come last, after every read, and through the workspace where one reads what another may
// overwrite.
void Planner::copy_updates(std::uint32_t slot) {
  const std::size_t inputs = main_.body().arguments.size();
  std::vector<std::pair<BufferId, BufferId>> updates;
  const bool several = main_.updates().size() > 1;
  for (const ir::Update& update : main_.updates()) {
    if (type(update.value).token) continue;
    BufferId from = buffer(update.value);
    const BufferId to = slot_buffer(slot++, type(update.value),
                                    main_.value(main_.body().arguments[update.input]).name);
    const Buffer& source = plan_.buffers[from];
    const bool is_input =
        source.place == Place::slot && source.slot < inputs && source.slot != update.input;
    if (is_input || (source.place == Place::indirect && several)) {  // may point to an input
      const BufferId staged = workspace_buffer({source.dtype, source.shape, false}, source.name);
      add_copy(from, staged, "an update that reads an input");
      from = staged;
    }
    updates.emplace_back(from, to);
  }
  for (const auto& [from, to] : updates) add_copy(from, to, "update of an input");
}

Plan make_plan(std::shared_ptr<const ir::Graph> graph, const Target& target,
               const Division& division) {
  return Planner(std::move(graph), target, division).run();
}

void* address(const Buffer& buffer, void* const* slots, std::byte* workspace, std::int64_t batch) {
  if (buffer.place == Place::slot) return slots[buffer.slot];
  std::byte* at = workspace + buffer.offset.at(std::max<std::int64_t>(batch, 1));
  if (buffer.place == Place::workspace) return at;
  void* pointer = nullptr;
  std::memcpy(&pointer, at, sizeof pointer);
  return pointer;
}

std::size_t Plan::packed_bytes() const {
  std::size_t bytes = 0;
  for (const Slot& slot : slots) {
    if (slot.kind == SlotKind::packed) bytes += slot.layout.bytes();
  }
  return bytes;
}

}  // namespace mlpjit::plan
