#pragma once
// The functions of steps. What a step's code is made from is its form; steps of one form share one
// function, within a program and between the programs of a process (known_functions.h). So that
// many do, a form is without where buffers are, how often the outermost loop turns, and, where many
// steps of a plan differ in nothing else, without scalars: those are arguments.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/plan/plan.h"

namespace mlpjit::codegen {

// What the function of a form gets from a step, in this order: the addresses of buffers, numbers of
// turns, and scalars as integers of their bits, since LLVM searches floating-point constants of a
// function one by one.
struct StepArguments {
  struct Count {
    const void* field;  // of the plan: an Extent, or a number of groups
    std::int64_t value;
  };
  std::vector<plan::BufferId> buffers;
  std::vector<Count> counts;
  std::vector<const plan::Body::Scalar*> scalars;
};

class SharedSteps {
 public:
  explicit SharedSteps(const plan::Plan& plan);
  SharedSteps(const SharedSteps&) = delete;
  SharedSteps& operator=(const SharedSteps&) = delete;

  // The step whose function this one calls: the first of those that share it, or the step itself.
  std::uint32_t owner(std::uint32_t step) const { return steps_[step].owner; }
  // Null where the step may not share: then its function has all it needs.
  const StepArguments* arguments(std::uint32_t step) const {
    return steps_[step].arguments.buffers.empty() ? nullptr : &steps_[step].arguments;
  }
  // All that the function of an owner is made from, besides the target; null where that is not
  // known.
  const std::string* form(std::uint32_t owner) const { return steps_[owner].form; }

 private:
  void share_equal(const plan::Plan& plan);
  void share_but_scalars(const plan::Plan& plan);
  void keep_differing_scalars();

  struct Shared {
    std::uint32_t owner = 0;
    StepArguments arguments;
    const std::string* form = nullptr;
  };
  std::vector<Shared> steps_;
  std::unordered_map<std::string, std::uint32_t> owners_;  // by form
};

}  // namespace mlpjit::codegen
