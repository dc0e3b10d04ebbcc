#pragma once
// Which steps of a plan share one function: those whose code is the same but for where their
// buffers are.

#include <cstdint>
#include <vector>

#include "lib/plan/plan.h"

namespace mlpjit::codegen {

class SharedSteps {
 public:
  explicit SharedSteps(const plan::Plan& plan);

  // The step whose function this one calls: the first of those that share it, or the step itself.
  std::uint32_t owner(std::uint32_t step) const { return steps_[step].owner; }
  // The buffers of a step with a shared function, in the order of its arguments. Null where the
  // step has a function of its own, which finds them itself.
  const std::vector<plan::BufferId>* arguments(std::uint32_t step) const {
    return steps_[step].buffers.empty() ? nullptr : &steps_[step].buffers;
  }

 private:
  struct Shared {
    std::uint32_t owner = 0;
    std::vector<plan::BufferId> buffers;
  };
  std::vector<Shared> steps_;
};

}  // namespace mlpjit::codegen
