#include "lib/runtime/bound_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "lib/support/bytes.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {

std::vector<std::string> obstacles_to_bind(const CompiledGraph& executable) {
  const auto* native = dynamic_cast<const NativeGraph*>(&executable);
  if (native == nullptr)
    return {"it is run by the interpreter (Backend::graph), which allocates; use Backend::native"};
  std::vector<std::string> obstacles;
  for (const plan::Step& step : native->plan().steps) {
    if (std::holds_alternative<plan::LibraryKernel>(step.kernel)) {
      obstacles.push_back(
          fmt::format("step '{}' is run by the interpreter's kernel ({})", step.name, step.reason));
    }
    const auto* loop = std::get_if<plan::WhileKernel>(&step.kernel);
    if (loop != nullptr && loop->max_iterations < 0)
      obstacles.push_back(
          fmt::format("step '{}' is a while_loop without an end that is known; give max_iterations",
                      step.name));
  }
  for (const std::uint32_t input : executable.updated_inputs()) {
    const ir::Input& updated = executable.inputs()[input];
    obstacles.push_back(fmt::format("it updates {} '{}', which others may be waiting for",
                                    ir::to_string(updated.kind), updated.name));
  }
  return obstacles;
}

bool has_loops(const CompiledGraph& executable) {
  const auto& steps = dynamic_cast<const NativeGraph&>(executable).plan().steps;
  return std::any_of(steps.begin(), steps.end(), [](const plan::Step& step) {
    return std::holds_alternative<plan::WhileKernel>(step.kernel);
  });
}

bool is_bad_value(std::int64_t status) {
  return codegen::code_of(status) == codegen::kBadValue;
}

BoundGraph::BoundGraph(std::shared_ptr<const CompiledGraph> executable, std::vector<Weight> weights,
                       std::int64_t batch)
    : compiled_(std::dynamic_pointer_cast<const NativeGraph>(std::move(executable))),
      batch_(batch),
      first_output_(static_cast<std::uint32_t>(compiled_->inputs().size())),
      slots_(compiled_->make_slots()),
      workspace_(support::make_counted(compiled_->workspace_bytes(batch))),
      context_(compiled_->library_steps(), batch, CallContext::Library::refused) {
  const std::vector<plan::Slot>& slots = compiled_->plan().slots;
  for (const Weight& weight : weights) {
    weights_.push_back({weight.input, support::Pin(weight.storage, std::nullopt)});
    for (std::uint32_t i = 0; i < slots.size(); ++i) {
      if (slots[i].kind != plan::SlotKind::packed || slots[i].index != weight.input) continue;
      weights_.push_back({i, support::Pin(weight.storage, NativeGraph::packing(slots[i].layout))});
    }
  }
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    const plan::Slot& slot = slots[i];
    const auto is_weight = [&](const Weight& weight) { return weight.input == slot.index; };
    if (slot.kind != plan::SlotKind::packed || std::ranges::any_of(weights, is_weight)) continue;
    packed_arguments_.push_back(
        {slot.index, &slot.layout, support::make_counted(slot.layout.bytes())});
    slots_[i] = packed_arguments_.back().memory.get();
  }
  const auto touch = [](const support::CountedMemory& memory) {
    std::memset(memory.get(), 0, memory.get_deleter().bytes);
  };
  touch(workspace_);
  for (const PackedArgument& argument : packed_arguments_) touch(argument.memory);
}

void BoundGraph::look_up(std::uint64_t since) noexcept {
  for (const Bound& weight : weights_) {
    const support::Contents& contents = weight.pin.storage().as_of(since);
    slots_[weight.slot] = const_cast<void*>(
        weight.pin.how() ? contents.derived(weight.pin.how()->key) : contents.data());
  }
  since_ = since;
}

std::size_t BoundGraph::bytes() const {
  std::size_t packed = 0;
  for (const PackedArgument& argument : packed_arguments_)
    packed += sizeof(PackedArgument) + argument.memory.get_deleter().bytes;
  return sizeof(*this) + packed + workspace_.get_deleter().bytes + slots_.size() * sizeof(void*) +
         weights_.size() * sizeof(Bound);
}

}  // namespace mlpjit::runtime
