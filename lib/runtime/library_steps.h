#pragma once
// The steps of a plan that the interpreter runs: their views are made once, a call fills in the
// pointers, and the sizes that were not known.

#include <exception>
#include <memory_resource>
#include <span>
#include <vector>

#include "lib/codegen/abi.h"
#include "lib/interp/interp.h"
#include "lib/plan/plan.h"

namespace mlpjit::runtime {

class LibrarySteps {
 public:
  // Keeps a reference to `plan`, which must outlive it.
  explicit LibrarySteps(const plan::Plan& plan);

  // Throws what the op throws.
  void run(std::uint32_t step, void* const* slots, std::byte* workspace, std::int64_t batch) const;

 private:
  struct Step {
    std::uint32_t index = 0;  // in the plan
    ir::Opcode opcode{};
    const ir::Attrs* attrs = nullptr;
    const std::string* path = nullptr;  // of the layer
    const ir::Graph* graph = nullptr;   // not null: a call, run `function` of it
    const ir::Function* function = nullptr;
    std::vector<interp::View> operands, results;                       // without data
    std::vector<const plan::Buffer*> operand_buffers, result_buffers;  // null: a token
  };

  Step make_step(std::uint32_t index, const plan::LibraryKernel& kernel) const;

  const plan::Plan& plan_;
  std::vector<Step> steps_;  // ascending by index
};

// What one call keeps for the callback of generated code.
class LibraryCall {
 public:
  // `batch`: the value of the plan's symbol.
  explicit LibraryCall(const LibrarySteps& steps, std::int64_t batch = 0)
      : steps_(steps), batch_(batch) {
    runtime_.self = this;
  }
  LibraryCall(const LibraryCall&) = delete;
  LibraryCall& operator=(const LibraryCall&) = delete;

  const codegen::Runtime* runtime() const { return &runtime_; }
  std::int64_t batch() const { return batch_; }
  // What a step threw; generated code only learns that it failed.
  std::exception_ptr error() const { return error_; }

 private:
  static std::int64_t run(const codegen::Runtime* runtime, std::uint32_t step, void* const* slots,
                          std::byte* workspace) noexcept;
  static codegen::Runtime make_runtime();

  const LibrarySteps& steps_;
  const std::int64_t batch_;
  codegen::Runtime runtime_ = make_runtime();
  std::exception_ptr error_;
};

}  // namespace mlpjit::runtime
