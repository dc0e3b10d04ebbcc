#pragma once
// Storage, which the handles of a tensor share: an identity, and the contents it has at a time
// (docs/weights.md). Contents of a published identity, one that programs read, are not written to
// where somebody may be reading them: a writer makes new ones (publication.h).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lib/support/memory.h"
#include "lib/support/snapshot.h"

namespace mlpjit::support {

// What is derived from contents, as packed weights are: how large it is and how it is made. Equal
// keys mean the same copy.
struct Derivation {
  std::array<std::int64_t, 6> key{};
  std::size_t bytes = 0;
  std::function<void(const void* contents, void* derived)> fill;
};

class Freed;
class Reclaim;
class Storage;

// The elements of one publication. Immutable once published, but for what is derived from them.
class Contents {
 public:
  Contents() = default;
  explicit Contents(std::size_t bytes) : memory_(make_counted(bytes)), data_(memory_.get()) {}
  ~Contents();
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;

  void* data() const { return data_; }

  // 64-byte aligned; null when nobody has asked for it yet. Lives as long as the contents.
  const void* derived(const std::array<std::int64_t, 6>& key) const noexcept;

 private:
  friend class Publication;
  friend class Reclaim;
  friend class Storage;
  friend class Update;
  friend class Write;
  friend class Freed;
  friend void release_held() noexcept;
  friend Freed publish(std::span<const std::pair<Storage*, Contents*>> made);
  struct Derived;

  bool visible(std::uint64_t since, std::uint64_t author) const noexcept {
    return born_ <= since || (author != 0 && author_ == author);
  }
  Derived* find(const std::array<std::int64_t, 6>& key) const noexcept;
  const void* derive(const Derivation& how) const;  // by one thread at a time
  static void free_derived(Derived* first) noexcept;
  void forget_derived() const noexcept;
  void forget_stale() noexcept;
  void hand_over() const noexcept;  // to the cores that will read them

  CountedMemory memory_;  // none: borrowed
  void* data_ = nullptr;
  std::uint64_t born_ = 0;    // the publication; 0: the first contents
  std::uint64_t died_ = 0;    // the publication that replaced them
  std::uint64_t author_ = 0;  // the snapshot that wrote them, 0: none
  // Somebody outside may have a pointer to them: 1 + how often the identity had been written to
  // when it got it, or 0.
  mutable std::atomic<std::uint64_t> spanned_{0};
  // Of Reclaim.
  mutable bool kept_ = false;
  std::uint64_t given_up_ = 0;  // the publication after which nobody new comes here
  Contents* next_hollow_ = nullptr;
  std::atomic<int> held_{0};  // by how many running programs (Held)
  std::atomic<Contents*> older_{nullptr};
  mutable std::atomic<Derived*> derived_{nullptr};
};

class Storage : public std::enable_shared_from_this<Storage> {
 public:
  // Owned, uninitialised, 64-byte aligned.
  static std::shared_ptr<Storage> allocate(std::size_t bytes);
  // The caller's memory; `release` (may be empty) runs at the end.
  static std::shared_ptr<Storage> borrow(void* data, std::size_t bytes,
                                         std::function<void()> release, bool read_only);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Rises from storage to storage of a thread, and is never given twice; the order of locks.
  static std::uint64_t next_id();
  // Above every id that any thread has given so far, and not above those that this one gives next.
  static std::uint64_t id_after_all();
  std::uint64_t id() const { return id_; }
  std::size_t bytes() const { return bytes_; }
  bool borrowed() const { return borrowed_; }
  bool read_only() const { return read_only_; }

  // What this thread sees: what it is preparing, else what its snapshot says, else the latest. Of a
  // published identity only within a Snapshot, or with the lock of writers.
  const Contents& contents() const noexcept {
    const ThreadReader& thread = thread_reader;
    if (thread.publication != nullptr) [[unlikely]] {
      if (const Contents* own = prepared(*thread.publication)) return *own;
    }
    if (thread.depth == 0) return latest();
    return as_of(thread.since, thread.author);
  }
  void* data() const noexcept { return contents().data(); }
  const Contents& latest() const noexcept { return *current_.load(std::memory_order_acquire); }
  // What a snapshot of that publication sees.
  const Contents& as_of(std::uint64_t since, std::uint64_t author = 0) const noexcept {
    const Contents* at = current_.load(std::memory_order_acquire);
    while (!at->visible(since, author)) [[unlikely]] {
      const Contents* older = at->older_.load(std::memory_order_acquire);
      if (older == nullptr) break;
      at = older;
    }
    return *at;
  }
  // For a reader outside, who may look at it until the second write from now, or the end of the
  // identity.
  const void* span() const;

  // Programs read it from now on: parameters, captures.
  void mark_published() const { published_.store(true, std::memory_order_release); }
  bool published() const { return published_.load(std::memory_order_acquire); }
  // Somebody outside has a pointer for writing: it is written in place, and nothing that is derived
  // from it is kept. Throws UserError where a bound call relies on it (`call` in the message).
  void expose(const char* call);
  bool exposed() const { return borrowed_ || exposed_.load(std::memory_order_acquire); }

  // What is derived from contents of this identity; made at the first call, shared by all, and made
  // anew for later contents before they are published. Null while exposed.
  const void* derived(const Contents& contents, const Derivation& how) const;
  // Becomes another identity of the same size, where nobody can tell: the caller is the only one
  // who has it, and so far it was written to in place alone. False: it stays what it is.
  bool renew() noexcept;
  // Programs update it: the contents that it had before are kept, for the next ones.
  void recycle() { recycles_.store(true, std::memory_order_relaxed); }

 private:
  friend class Pin;
  friend class Publication;
  friend class Reclaim;
  friend class Write;
  friend class Update;
  friend Freed publish(std::span<const std::pair<Storage*, Contents*>> made);

  Storage() = default;
  const Contents* prepared(const Publication& publication) const noexcept;

  // For writers, with the lock.
  Contents* fresh(bool keep_elements);  // to be published or given to `discard`
  void discard(Contents* made) noexcept;
  void derive_all(Contents& made);  // before it is published
  // Every later publication has what is pinned, whether it is asked for meanwhile or not. Throws
  // UserError when exposed.
  void pin(const std::optional<Derivation>& how);
  void unpin(const std::optional<Derivation>& how) noexcept;
  struct Pinned {
    std::optional<Derivation> how;
    int count = 0;
    bool is(const std::optional<Derivation>& other) const {
      return how.has_value() == other.has_value() && (!how || how->key == other->key);
    }
  };

  std::uint64_t id_ = next_id();
  std::size_t bytes_ = 0;
  bool borrowed_ = false;
  bool read_only_ = false;
  mutable std::atomic<bool> published_{false};
  std::atomic<std::uint64_t> writes_{0};  // publications of it
  std::atomic<bool> exposed_{false};
  std::atomic<bool> recycles_{false};
  std::atomic<bool> remembered_{false};  // has older contents: those are to be freed
  mutable ForkSafeLock write_lock_;      // of writers, and of programs that update it
  mutable ForkSafeLock derive_lock_;     // guards the pins, and who derives
  std::vector<Pinned> pins_;
  Contents first_;
  std::atomic<Contents*> current_{&first_};
  Contents* spare_ = nullptr;  // for the next contents; guarded by PublicationLock
  std::function<void()> release_;
};

// While it lives the storage keeps its memory to itself (expose() is refused), and every
// publication comes with what is derived as `how` says.
class Pin {
 public:
  // Throws UserError when the storage is exposed.
  Pin(std::shared_ptr<Storage> storage, std::optional<Derivation> how)
      : storage_(std::move(storage)), how_(std::move(how)) {
    storage_->pin(how_);
  }
  Pin(Pin&&) noexcept = default;
  Pin& operator=(Pin&&) = delete;
  ~Pin() {
    if (storage_) storage_->unpin(how_);
  }

  const Storage& storage() const { return *storage_; }
  const std::optional<Derivation>& how() const { return how_; }

 private:
  std::shared_ptr<Storage> storage_;
  std::optional<Derivation> how_;
};

// Contents that a running program of this thread may be reading, though the thread has replaced
// them since: they are kept until release_held(), at the program's end.
struct Held {
  std::vector<std::pair<std::shared_ptr<Storage>, Contents*>> contents;
};
void release_held() noexcept;

// Frees an object that calls may be using who found it by a plain pointer, within a Snapshot: when
// all snapshots of now are closed. Nobody finds it any more.
void retire(std::shared_ptr<const void> object) noexcept;

// What a publication found that nobody can see any more. To be let go when no lock is held: what
// goes with it may be code of others.
class Freed {
 public:
  Freed() = default;
  Freed(Freed&& other) noexcept : Freed() { *this = std::move(other); }
  Freed& operator=(Freed&& other) noexcept;
  ~Freed();

 private:
  friend class Reclaim;
  void let_go() noexcept;

  Contents* contents_ = nullptr;  // a list
  std::vector<CountedMemory> elements_;
  std::vector<Contents::Derived*> derived_;
  std::vector<std::shared_ptr<const void>> objects_;
};

// Makes all of them the latest contents of their storages in one step. The writers' locks are held.
// Throws std::bad_alloc before anything has changed.
[[nodiscard]] Freed publish(std::span<const std::pair<Storage*, Contents*>> made);
// Of a storage that ends: nobody looks for its older contents any more.
void forget_older(const Storage& storage) noexcept;

}  // namespace mlpjit::support
