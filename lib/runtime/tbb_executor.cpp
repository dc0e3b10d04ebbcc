// oneTBB's threads as an executor.

#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>

#include "lib/runtime/team.h"
#include "lib/support/snapshot.h"

namespace mlpjit::runtime {
namespace {

class TbbExecutor final : public Executor {
 public:
  void run(const std::function<void()>& task, int count) override {
    // Its threads do not come along when a process forks.
    if (support::fork_count() != forks_) return;
    for (int i = std::min(count, others_); i > 0; --i) arena_.enqueue(task);
  }

 private:
  const std::uint32_t forks_ = support::fork_count();
  // Beside the one that calls; none on a machine, or with an affinity, of one core.
  const int others_ = tbb_threads();
  tbb::task_arena arena_{std::max(others_, 1), 0};
};

}  // namespace

int tbb_threads() {
  return tbb::info::default_concurrency() - 1;
}

// Never destroyed: threads may be at work when the process ends.
std::shared_ptr<Executor> tbb_executor() {
  static const auto* const executor = new std::shared_ptr<Executor>(new TbbExecutor);
  return *executor;
}

}  // namespace mlpjit::runtime
