#pragma once
// Runs machine code made from a plan: fills the slots, finds packed weights, throws what a step
// threw. Knows nothing of LLVM; any codegen::Code will do, so that its tests need none.

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "lib/codegen/compiler.h"
#include "lib/plan/plan.h"
#include "lib/runtime/call_context.h"
#include "lib/runtime/compiled_graph.h"
#include "lib/runtime/interface.h"
#include "lib/runtime/row_blocks.h"
#include "lib/support/bytes.h"

namespace mlpjit::runtime {

class NativeGraph final : public CompiledGraph {
 public:
  // Where the plan is of a block of the program's rows.
  struct Blocks {
    RowBlocks how;
    ir::Rows rows;
  };
  // `interface`: of the program.
  NativeGraph(plan::Plan plan, std::shared_ptr<const codegen::Code> code, Report report,
              Interface interface, Sharing sharing = {},
              const std::optional<Blocks>& blocks = std::nullopt);

  void run(std::span<const Argument> inputs, std::span<const interp::View> results) const override;
  std::unique_ptr<Frame> make_frame() const override;

  const Interface& interface() const override { return interface_; }
  const Report& report() const override { return report_; }
  std::size_t bytes() const override;

  // For callers that fill the slots themselves (bound_graph.h).
  const plan::Plan& plan() const { return plan_; }
  // What a call needs of it; and the call. `sharing`: with whom blocks are shared; null: nobody.
  std::size_t workspace_bytes(std::int64_t batch) const {
    return blocks_ ? blocks_->workspace_bytes(batch)
                   : support::aligned_size(plan_.workspace(batch));
  }
  std::int64_t invoke(CallContext& context, void* const* slots, std::byte* workspace,
                      std::int64_t batch, const Sharing* sharing = nullptr) const {
    if (!blocks_) [[likely]]
      return entry_(context.runtime(), slots, workspace, batch);
    blocks_->run(context, sharing, slots, workspace, batch);
    return codegen::kOk;
  }
  const LibrarySteps& library_steps() const { return library_; }
  // One pointer per slot; those of constants are there.
  std::vector<void*> make_slots() const;
  // How the packed weight of a slot is made from its input.
  static support::Derivation packing(const plan::PackedLayout& layout);

 private:
  class CallFrame;
  // A packed slot, and the slot of the input that it is made from.
  struct Packed {
    std::uint32_t slot = 0, weight = 0;
    support::Derivation how;
  };
  // The slots that an input decides.
  struct InputSlots {
    std::uint32_t value = 0;
    std::uint32_t update = kNone;
    std::vector<std::uint32_t> packed;  // of packed_
  };
  static constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);

  // Constants in one 64-byte aligned block.
  class Constants {
   public:
    explicit Constants(const plan::Plan& plan);
    std::size_t bytes() const { return data_.get_deleter().bytes; }
    std::span<const std::pair<std::uint32_t, void*>> slots() const { return slots_; }

   private:
    support::CountedMemory data_;
    std::vector<std::pair<std::uint32_t, void*>> slots_;
  };

  void bind_slots();
  void set_input(void** slots, std::size_t input, const Argument& argument) const;
  void call(void** slots, std::span<const interp::View> results, std::int64_t batch) const;

  const plan::Plan plan_;
  const std::shared_ptr<const codegen::Code> code_;
  const codegen::EntryPoint entry_;
  const Report report_;
  const Sharing sharing_;
  const bool shares_;  // with other threads: some step of it
  const Interface interface_;
  const Constants constants_;
  const LibrarySteps library_;
  std::optional<const BlockProgram> blocks_;
  std::vector<InputSlots> input_slots_;
  std::vector<std::uint32_t> output_slots_;
  std::vector<Packed> packed_;
  const std::vector<std::size_t> input_bytes_, result_bytes_;
};

}  // namespace mlpjit::runtime
