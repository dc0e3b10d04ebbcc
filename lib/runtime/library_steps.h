#pragma once
// The steps of a plan that the interpreter runs, always or where a kernel refuses a value: their
// views are made once, a call fills in the pointers, and the sizes that were not known.

#include <span>
#include <vector>

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

}  // namespace mlpjit::runtime
