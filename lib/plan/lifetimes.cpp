// The lifetimes of buffers: when the memory of each is in use. A loop runs its steps again and
// again: memory that is used both inside and outside of it is in use as long as it runs. Memory
// that only its body uses holds nothing from turn to turn, since what a turn reads it has written.

#include <algorithm>
#include <vector>

#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

class Lifetimes {
 public:
  explicit Lifetimes(Plan& plan) : plan_(plan), seen_(plan.buffers.size(), false) {}

  void set() {
    for (std::uint32_t step = 0; step < plan_.steps.size(); ++step) {
      for_each_buffer(plan_.steps[step].kernel, [&](BufferId id, bool) { touch(id, step); });
    }
    for (std::uint32_t step = 0; step < plan_.steps.size(); ++step) {
      const Kernel& kernel = plan_.steps[step].kernel;
      if (std::holds_alternative<WhileKernel>(kernel) || std::holds_alternative<ScanKernel>(kernel))
        extend(step, plan_.after(step) - 1);
    }
    for (Buffer& view : plan_.buffers) {
      view.first_step = plan_.buffers[view.root].first_step;
      view.last_step = plan_.buffers[view.root].last_step;
    }
  }

 private:
  // And all that its pointer may lead to, through the loops before it: without recursion, since a
  // program may have any number of them.
  void touch(BufferId id, std::uint32_t step) {
    pending_.push_back(id);
    while (!pending_.empty()) {
      const BufferId root = plan_.buffers[pending_.back()].root;
      pending_.pop_back();
      Buffer& memory = plan_.buffers[root];
      if (!seen_[root]) memory.first_step = step;
      memory.last_step = step;
      seen_[root] = true;
      pending_.insert(pending_.end(), memory.targets.begin(), memory.targets.end());
    }
  }

  // Of the loop at `first` with steps up to `last`; outer loops come before those inside.
  void extend(std::uint32_t first, std::uint32_t last) {
    for (Buffer& buffer : plan_.buffers) {
      const bool before = buffer.first_step <= first, after = buffer.last_step > last;
      if (before && buffer.last_step > first) buffer.last_step = std::max(buffer.last_step, last);
      if (after && buffer.first_step <= last)
        buffer.first_step = std::min(buffer.first_step, first);
    }
  }

  Plan& plan_;
  std::vector<bool> seen_;
  std::vector<BufferId> pending_;
};

}  // namespace

void set_lifetimes(Plan& plan) {
  Lifetimes(plan).set();
}

}  // namespace mlpjit::plan
