#include "lib/runtime/native_graph.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/runtime/footprint.h"
#include "lib/runtime/staging.h"
#include "lib/runtime/workspace.h"
#include "lib/support/bytes.h"
#include "lib/support/float_env.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {

namespace {

// Tells the packs from whatever else is derived from contents.
constexpr std::int64_t kPackTag = 1;

}  // namespace

NativeGraph::Constants::Constants(const plan::Plan& plan) {
  std::size_t bytes = 0;
  for (const plan::Slot& slot : plan.slots) {
    if (slot.kind == plan::SlotKind::constant)
      bytes += support::aligned_size(slot.literal.bytes->size());
  }
  if (bytes != 0) data_ = support::make_counted(bytes);
  std::byte* next = data_.get();
  for (std::uint32_t i = 0; i < plan.slots.size(); ++i) {
    if (plan.slots[i].kind != plan::SlotKind::constant) continue;
    const std::vector<std::byte>& from = *plan.slots[i].literal.bytes;
    if (!from.empty()) std::memcpy(next, from.data(), from.size());
    slots_.emplace_back(i, next);
    next += support::aligned_size(from.size());
  }
}

NativeGraph::NativeGraph(plan::Plan plan, std::shared_ptr<const codegen::Code> code, Report report,
                         Interface interface, Sharing sharing, const std::optional<Blocks>& blocks)
    : plan_(std::move(plan)),
      code_(std::move(code)),
      entry_(code_->entry()),
      report_(std::move(report)),
      sharing_(std::move(sharing)),
      shares_(sharing_.threads > 1 &&
              std::any_of(plan_.steps.begin(), plan_.steps.end(),
                          [](const plan::Step& step) { return step.units.divided(); })),
      interface_(std::move(interface)),
      constants_(plan_),
      library_(plan_),
      input_slots_(interface_.input_types.size()),
      output_slots_(interface_.result_types.size()),
      input_bytes_(byte_sizes(interface_.input_types)),
      result_bytes_(byte_sizes(interface_.result_types)) {
  bind_slots();
  if (blocks) blocks_.emplace(blocks->how, blocks->rows, plan_, entry_);
}

support::Derivation NativeGraph::packing(const plan::PackedLayout& layout) {
  return {{kPackTag, layout.k, layout.n, layout.panel, layout.panel_stride,
           static_cast<std::int64_t>(layout.dtype)},
          layout.bytes(),
          [layout](const void* weight, void* packed) { plan::pack(layout, weight, packed); }};
}

void NativeGraph::bind_slots() {
  for (std::uint32_t i = 0; i < plan_.slots.size(); ++i) {
    const plan::Slot& slot = plan_.slots[i];
    if (slot.kind == plan::SlotKind::constant) continue;
    const bool output = slot.kind == plan::SlotKind::output;
    if (slot.index >= (output ? output_slots_.size() : input_slots_.size())) {
      throw InternalError(fmt::format(
          "plan: slot {} stands for input or result {}, which is not there", i, slot.index));
    }
    switch (slot.kind) {
      case plan::SlotKind::input: input_slots_[slot.index].value = i; break;
      case plan::SlotKind::output: output_slots_[slot.index] = i; break;
      case plan::SlotKind::update: input_slots_[slot.index].update = i; break;
      case plan::SlotKind::packed:
        input_slots_[slot.index].packed.push_back(static_cast<std::uint32_t>(packed_.size()));
        packed_.push_back({i, input_slots_[slot.index].value, packing(slot.layout)});
        break;
      case plan::SlotKind::constant: break;
    }
  }
}

std::vector<void*> NativeGraph::make_slots() const {
  std::vector<void*> slots(plan_.slots.size());
  for (const auto& [slot, data] : constants_.slots()) slots[slot] = data;
  return slots;
}

std::size_t NativeGraph::bytes() const {
  return sizeof(*this) + report_.code_bytes + constants_.bytes() + footprint(plan_) +
         footprint(*plan_.graph);
}

// A weight whose pack cannot be kept has none until call().
void NativeGraph::set_input(void** slots, std::size_t input, const Argument& argument) const {
  const InputSlots& of_input = input_slots_[input];
  slots[of_input.value] = argument.view.data;
  if (of_input.update != kNone)
    slots[of_input.update] = argument.update != nullptr ? argument.update : argument.view.data;
  if (of_input.packed.empty()) return;
  const support::Storage* storage = argument.storage;
  const support::Contents* contents = storage == nullptr ? nullptr : &storage->contents();
  const bool keeps = contents != nullptr && contents->data() == argument.view.data;
  for (const std::uint32_t i : of_input.packed) {
    slots[packed_[i].slot] =
        const_cast<void*>(keeps ? storage->derived(*contents, packed_[i].how) : nullptr);
  }
}

void NativeGraph::call(void** slots, std::span<const interp::View> results,
                       std::int64_t batch) const {
  for (std::size_t i = 0; i < results.size(); ++i) slots[output_slots_[i]] = results[i].data;
  std::size_t packs = 0;  // bytes of those that are made for this call alone
  for (const Packed& packed : packed_) {
    if (slots[packed.slot] == nullptr) packs += support::aligned_size(packed.how.bytes);
  }
  const std::size_t workspace_bytes = this->workspace_bytes(batch);
  const std::size_t scratch_bytes =
      shares_ ? support::aligned_size(static_cast<std::size_t>(plan_.scratch_bytes)) : 0;
  const WorkspaceScope workspace(workspace_bytes + packs + scratch_bytes);
  CallContext context(library_, batch);
  if (shares_) context.share(sharing_, workspace.data() + workspace_bytes + packs, scratch_bytes);
  const Sharing* const sharing = sharing_.threads > 1 ? &sharing_ : nullptr;
  std::int64_t status = codegen::kOk;
  if (packs == 0) {
    status = invoke(context, slots, workspace.data(), batch, sharing);
  } else {
    std::byte* next = workspace.data() + workspace_bytes;
    for (const Packed& packed : packed_) {
      if (slots[packed.slot] != nullptr) continue;
      packed.how.fill(slots[packed.weight], next);
      slots[packed.slot] = next;
      next += support::aligned_size(packed.how.bytes);
    }
    status = invoke(context, slots, workspace.data(), batch, sharing);
    for (const Packed& packed : packed_) {
      const auto* pack = static_cast<const std::byte*>(slots[packed.slot]);
      if (pack >= workspace.data() && pack < next) slots[packed.slot] = nullptr;
    }
  }
  if (status == codegen::kOk) return;
  if (context.error() != nullptr) std::rethrow_exception(context.error());
  throw InternalError(
      fmt::format("generated code reports status {:#x}, and no step failed", status));
}

class NativeGraph::CallFrame final : public Frame {
 public:
  explicit CallFrame(const NativeGraph& executable)
      : compiled_(executable), slots_(executable.make_slots()) {}

  void set_input(std::size_t input, const Argument& argument) override {
    compiled_.set_input(slots_.data(), input, argument);
  }
  void run(std::span<const interp::View> results, std::int64_t batch) override {
    const support::FloatEnvScope environment;
    compiled_.call(slots_.data(), results, batch);
  }

 private:
  const NativeGraph& compiled_;
  std::vector<void*> slots_;
};

std::unique_ptr<Frame> NativeGraph::make_frame() const {
  return std::make_unique<CallFrame>(*this);
}

void NativeGraph::run(std::span<const Argument> inputs,
                      std::span<const interp::View> results) const {
  const support::FloatEnvScope environment;
  const support::Snapshot snapshot;
  require_counts(inputs.size(), results.size(), interface_);
  const Staging staging(inputs, input_bytes_, results, result_bytes_);
  // No heap for programs of usual size.
  std::array<void*, 64> few;
  std::vector<void*> many;
  void** slots = few.data();
  if (plan_.slots.size() > few.size()) {
    many.resize(plan_.slots.size());
    slots = many.data();
  }
  for (const auto& [slot, data] : constants_.slots()) slots[slot] = data;
  for (std::size_t i = 0; i < inputs.size(); ++i) set_input(slots, i, inputs[i]);
  const std::int64_t batch =
      interface_.batch([&](std::size_t i) -> const Shape& { return inputs[i].view.shape; });
  call(slots, staging.results(), batch);
  staging.finish();
}

}  // namespace mlpjit::runtime
