#include "lib/support/wait_for.h"

#include <mutex>
#include <unordered_map>

namespace mlpjit::support {

namespace {

struct Wait {
  std::thread::id other;
  const void* what = nullptr;
};
struct Waits {
  std::mutex mutex;
  std::unordered_map<std::thread::id, Wait> of;  // one at most of each thread
};
Waits& waits() {
  static Waits* const one = new Waits;  // threads may outlive any other
  return *one;
}

}  // namespace

WaitFor::WaitFor(std::thread::id other, const void* what) {
  const std::thread::id self = std::this_thread::get_id();
  Waits& all = waits();
  const std::lock_guard lock(all.mutex);
  std::thread::id last = other;
  for (auto next = all.of.find(last); last != self && next != all.of.end();
       next = all.of.find(last))
    last = next->second.other;
  circle_ = last == self;
  if (!circle_) all.of.emplace(self, Wait{other, what});
}

void WaitFor::over(const void* what) {
  Waits& all = waits();
  const std::lock_guard lock(all.mutex);
  std::erase_if(all.of, [&](const auto& wait) { return wait.second.what == what; });
}

WaitFor::~WaitFor() {
  if (circle_) return;
  Waits& all = waits();
  const std::lock_guard lock(all.mutex);
  all.of.erase(std::this_thread::get_id());
}

}  // namespace mlpjit::support
