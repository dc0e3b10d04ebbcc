#pragma once
// Writers of contents (docs/weights.md): one by one, several in one step, or by a program that
// updates them.

#include <array>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/support/storage.h"

namespace mlpjit::support {

// Throws UserError in the call of a program that updates tensors (a stream that it prints to, say):
// neither what it updates nor what other programs read is to be written there.
void check_may_write(const Storage& storage, const char* call);

// Writes that become visible together, when it is committed; until then this thread alone sees
// them. Without commit() they never were. One inside another one is a part of that.
class Publication {
 public:
  // `seen`: by this thread, before it is committed. What is not seen joins an outer one only then,
  // whole.
  explicit Publication(bool seen = true);
  ~Publication();
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  // Memory for the next contents of a storage, which starts as they are where `keep`.
  void* prepare(Storage& storage, bool keep);
  void commit();

  // The contents being prepared, or null.
  const Contents* prepared(const Storage& storage) const noexcept;

 private:
  struct Entry {
    std::shared_ptr<Storage> storage;
    Contents* made = nullptr;                       // of exposed storage: a copy to be written back
    std::vector<std::unique_ptr<Contents>> before;  // what running programs of this thread read
  };

  const bool seen_;
  Publication* const outer_;
  std::vector<Entry> entries_;
  std::unordered_map<const Storage*, std::size_t> index_;
  const std::uint64_t first_inside_;  // storages from this id on are not known outside
};

// One write to one storage: in place where nobody else can be reading it, else to new contents.
// Others that write to it wait. Code of others does not run meanwhile.
class Write {
 public:
  // `keep`: what is not written stays. Throws as check_may_write.
  Write(Storage& storage, bool keep, const char* call);
  ~Write();
  Write(const Write&) = delete;
  Write& operator=(const Write&) = delete;

  const void* before() const { return before_; }  // the latest elements
  void* to() const { return to_; }
  void done();

 private:
  const Snapshot snapshot_;
  Storage& storage_;
  const void* before_ = nullptr;
  void* to_ = nullptr;
  Freed freed_;  // let go when the lock is open again
  std::unique_lock<ForkSafeLock> lock_;
  std::optional<SoleReader> sole_;
  Contents* made_ = nullptr;
};

// What one call of a program updates: locked, in one order whoever comes, until the end.
class Update {
 public:
  // Throws UserError within the call of another program that updates tensors.
  explicit Update(std::span<Storage* const> storages);
  ~Update();
  Update(const Update&) = delete;
  Update& operator=(const Update&) = delete;

  // What the program reads of it, and where it leaves the final elements (which may be the same).
  // To be asked in the order: to(), before().
  void* to(Storage& storage);
  const Contents& before(const Storage& storage) const;
  // Publishes all. Without it nothing was written, but to memory that only this program knows.
  void commit();

  bool has(const Storage& storage) const;

 private:
  Freed freed_;  // let go when the locks are open again
  // In order, with the contents made for them. No heap for programs that update a few tensors.
  alignas(16) std::array<std::byte, 16 * sizeof(void*)> room_;
  std::pmr::monotonic_buffer_resource memory_{room_.data(), room_.size()};
  std::pmr::vector<std::pair<Storage*, Contents*>> storages_{&memory_};
  Publication* const joins_;  // one of this thread's, or null
};

}  // namespace mlpjit::support
