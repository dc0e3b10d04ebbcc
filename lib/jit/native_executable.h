#pragma once
// Runs machine code made from a plan: fills the slots, packs weights once per version, throws what
// a step threw. Knows nothing of LLVM; any codegen::Code will do, so that its tests need none.

#include <memory>
#include <utility>
#include <vector>

#include "lib/codegen/compiler.h"
#include "lib/jit/executable.h"
#include "lib/jit/library_steps.h"
#include "lib/jit/pack_cache.h"
#include "lib/jit/signature.h"
#include "lib/plan/plan.h"

namespace mlpjit::jit {

class NativeExecutable final : public Executable {
 public:
  NativeExecutable(plan::Plan plan, std::unique_ptr<codegen::Code> code, Report report);

  void run(std::span<const Argument> inputs, std::span<const interp::View> results) const override;

  const Signature& signature() const override { return signature_; }
  const Report& report() const override { return report_; }
  std::size_t bytes() const override;

 private:
  // slots[slot] is input or result `index`.
  struct Bound {
    std::uint32_t slot = 0, index = 0;
  };
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
  void run_apart(std::span<const Argument> inputs, std::span<const interp::View> results) const;
  std::int64_t call(std::span<const Argument> inputs, std::span<const interp::View> results,
                    void** slots, LibraryCall& library) const;
  std::int64_t batch(std::span<const Argument> inputs) const;

  const plan::Plan plan_;
  const std::unique_ptr<codegen::Code> code_;
  const codegen::EntryPoint entry_;
  const Report report_;
  const Signature signature_;
  const Constants constants_;
  const LibrarySteps library_;
  mutable PackCache packs_;
  std::vector<Bound> input_slots_, output_slots_;
  const std::vector<std::size_t> input_bytes_, result_bytes_;
};

}  // namespace mlpjit::jit
