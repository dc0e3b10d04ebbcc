#include "lib/jit/native_executable.h"

#include <fmt/core.h>

#include <array>
#include <cstring>

#include "lib/jit/footprint.h"
#include "lib/jit/staging.h"
#include "lib/jit/workspace.h"
#include "lib/support/bytes.h"
#include "lib/support/float_env.h"
#include "mlpjit/error.h"

namespace mlpjit::jit {

namespace {

std::vector<PackCache::Slot> packed_slots(const plan::Plan& plan) {
  std::vector<PackCache::Slot> packed;
  for (std::uint32_t i = 0; i < plan.slots.size(); ++i) {
    const plan::Slot& slot = plan.slots[i];
    if (slot.kind == plan::SlotKind::packed) packed.push_back({i, slot.index, slot.layout});
  }
  return packed;
}

}  // namespace

NativeExecutable::Constants::Constants(const plan::Plan& plan) {
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

NativeExecutable::NativeExecutable(plan::Plan plan, std::unique_ptr<codegen::Code> code,
                                   Report report)
    : plan_(std::move(plan)),
      code_(std::move(code)),
      entry_(code_->entry()),
      report_(std::move(report)),
      signature_(signature_of(plan_.graph->main())),
      constants_(plan_),
      library_(plan_),
      packs_(packed_slots(plan_)),
      input_bytes_(byte_sizes(signature_.input_types)),
      result_bytes_(byte_sizes(signature_.result_types)) {
  bind_slots();
}

void NativeExecutable::bind_slots() {
  for (std::uint32_t i = 0; i < plan_.slots.size(); ++i) {
    const plan::Slot& slot = plan_.slots[i];
    const bool input = slot.kind == plan::SlotKind::input || slot.kind == plan::SlotKind::packed;
    const bool output = slot.kind == plan::SlotKind::output;
    if ((input && slot.index >= input_bytes_.size()) ||
        (output && slot.index >= result_bytes_.size())) {
      throw InternalError(fmt::format(
          "plan: slot {} stands for input or result {}, which is not there", i, slot.index));
    }
    if (slot.kind == plan::SlotKind::input) input_slots_.push_back({i, slot.index});
    if (output) output_slots_.push_back({i, slot.index});
  }
}

std::size_t NativeExecutable::bytes() const {
  return sizeof(*this) + report_.code_bytes + constants_.bytes() + footprint(plan_) +
         footprint(*plan_.graph);
}

void NativeExecutable::run(std::span<const Argument> inputs,
                           std::span<const interp::View> results) const {
  const support::FloatEnvScope environment;
  require_counts(inputs.size(), results.size(), signature_);
  const Staging staging(inputs, input_bytes_, results, result_bytes_);
  run_apart(inputs, staging.results());
  staging.finish();
  mark_updated(inputs, signature_);
}

void NativeExecutable::run_apart(std::span<const Argument> inputs,
                                 std::span<const interp::View> results) const {
  // No heap for programs of usual size.
  std::array<void*, 64> few;
  std::vector<void*> many;
  void** slots = few.data();
  if (plan_.slots.size() > few.size()) {
    many.resize(plan_.slots.size());
    slots = many.data();
  }
  LibraryCall library(library_, batch(inputs));
  const std::int64_t status = call(inputs, results, slots, library);
  if (status == codegen::kOk) return;
  if (library.error() != nullptr) std::rethrow_exception(library.error());
  throw InternalError(
      fmt::format("generated code reports status {:#x}, and no step failed", status));
}

std::int64_t NativeExecutable::call(std::span<const Argument> inputs,
                                    std::span<const interp::View> results, void** slots,
                                    LibraryCall& library) const {
  for (const Bound& bound : input_slots_) slots[bound.slot] = inputs[bound.index].view.data;
  for (const Bound& bound : output_slots_) slots[bound.slot] = results[bound.index].data;
  for (const auto& [slot, data] : constants_.slots()) slots[slot] = data;
  PackCache::Lease packs(packs_);
  const std::size_t scratch = packs_.scratch_bytes(inputs);
  const std::size_t workspace_bytes = support::aligned_size(plan_.workspace(library.batch()));
  const WorkspaceScope workspace(workspace_bytes + scratch);
  packs.fill(inputs, slots, {workspace.data() + workspace_bytes, scratch});
  return entry_(library.runtime(), slots, workspace.data(), library.batch());
}

std::int64_t NativeExecutable::batch(std::span<const Argument> inputs) const {
  if (signature_.symbol.empty()) return 0;
  return signature_.batch(inputs[signature_.batch_input].view.shape);
}

}  // namespace mlpjit::jit
