#pragma once
// What the tests of contents, snapshots and publications share.

#include <algorithm>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <utility>

#include "lib/support/publication.h"

namespace mlpjit::support::test {

inline constexpr std::size_t kInts = 2048;
inline constexpr std::size_t kBytes = kInts * sizeof(int);

using StoragePtr = std::shared_ptr<Storage>;

inline void fill(void* to, int value) {
  std::fill_n(static_cast<int*>(to), kInts, value);
}

inline StoragePtr published(int value) {
  StoragePtr storage = Storage::allocate(kBytes);
  fill(storage->data(), value);
  storage->mark_published();
  return storage;
}

inline void set(Storage& storage, int value) {
  Write write(storage, false, "test");
  fill(write.to(), value);
  write.done();
}

inline int seen(const Storage& storage) {
  const Snapshot snapshot;
  return *static_cast<const int*>(storage.data());
}

inline std::size_t live() {
  return memory_stats().live_bytes;
}

inline void increment(Storage& storage) {
  Storage* const all[] = {&storage, &storage};
  Update update(all);
  const int before = *static_cast<const int*>(update.before(storage).data());
  fill(update.to(storage), before + 1);
  update.commit();
}

// A thread that has a snapshot open from its beginning until it is let go.
class HeldSnapshot {
 public:
  explicit HeldSnapshot(std::function<void()> at_end = {})
      : thread_([this, at_end = std::move(at_end)] {
          const Snapshot snapshot;
          open_.count_down();
          close_.wait();
          if (at_end) at_end();
        }) {
    open_.wait();
  }
  ~HeldSnapshot() { let_go(); }
  void let_go() {
    if (!thread_.joinable()) return;
    close_.count_down();
    thread_.join();
  }

 private:
  std::latch open_{1}, close_{1};
  std::thread thread_;
};

}  // namespace mlpjit::support::test
