#pragma once
// The parts that a running clone has copied already, so that shared parts stay shared in the copy.

#include <memory>
#include <unordered_map>

#include "lib/support/snapshot.h"

namespace mlpjit::detail {

class CloneMap {
 public:
  // The clone running on this thread, or null.
  static CloneMap*& current();

  // `copy(original)` once per original; the original itself is kept alive meanwhile.
  template <class T, class Copy>
  std::shared_ptr<T> get(const std::shared_ptr<T>& original, const Copy& copy) {
    if (!original) return nullptr;
    if (const auto found = copies_.find(original.get()); found != copies_.end()) {
      return std::static_pointer_cast<T>(found->second);
    }
    std::shared_ptr<T> made = copy(*original);
    copies_.emplace(original.get(), made);
    return made;
  }

 private:
  const support::Snapshot snapshot_;  // all values are of one moment
  std::unordered_map<const void*, std::shared_ptr<void>> copies_;
};

// The original, or within a clone its copy.
template <class T, class Copy>
std::shared_ptr<T> shared_or_cloned(const std::shared_ptr<T>& original, const Copy& copy) {
  CloneMap* map = CloneMap::current();
  return map == nullptr ? original : map->get(original, copy);
}

}  // namespace mlpjit::detail
