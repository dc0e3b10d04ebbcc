#include "lib/support/wait_for.h"

#include <mutex>
#include <unordered_map>

namespace mlpjit::support {

namespace {

struct Waits {
  std::mutex mutex;
  std::unordered_map<std::thread::id, std::thread::id> others;  // one at most of each thread
};
Waits& waits() {
  static Waits* const one = new Waits;  // threads may outlive any other
  return *one;
}

}  // namespace

WaitFor::WaitFor(std::thread::id other) {
  const std::thread::id self = std::this_thread::get_id();
  Waits& all = waits();
  const std::lock_guard lock(all.mutex);
  std::thread::id last = other;
  for (auto next = all.others.find(last); last != self && next != all.others.end();
       next = all.others.find(last))
    last = next->second;
  circle_ = last == self;
  if (!circle_) all.others.emplace(self, other);
}

WaitFor::~WaitFor() {
  if (circle_) return;
  Waits& all = waits();
  const std::lock_guard lock(all.mutex);
  all.others.erase(std::this_thread::get_id());
}

}  // namespace mlpjit::support
