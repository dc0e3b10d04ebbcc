#pragma once
// Which steps of a plan share one function: those whose code is the same but for where their
// buffers are, and where there are many of them, but for scalars of their bodies.

#include <cstdint>
#include <vector>

#include "lib/plan/plan.h"

namespace mlpjit::codegen {

// What a shared function gets from a step, in this order: the addresses of buffers, and scalars as
// integers of their bits, since LLVM searches floating-point constants of a function one by one.
struct StepArguments {
  std::vector<plan::BufferId> buffers;
  std::vector<const plan::Body::Scalar*> scalars;
};

class SharedSteps {
 public:
  explicit SharedSteps(const plan::Plan& plan);

  // The step whose function this one calls: the first of those that share it, or the step itself.
  std::uint32_t owner(std::uint32_t step) const { return steps_[step].owner; }
  // Null where the step has a function of its own, which has all it needs.
  const StepArguments* arguments(std::uint32_t step) const {
    return steps_[step].arguments.buffers.empty() ? nullptr : &steps_[step].arguments;
  }

 private:
  void share_equal(const plan::Plan& plan);
  void share_but_scalars(const plan::Plan& plan);
  void keep_differing_scalars();

  struct Shared {
    std::uint32_t owner = 0;
    StepArguments arguments;
  };
  std::vector<Shared> steps_;
};

}  // namespace mlpjit::codegen
