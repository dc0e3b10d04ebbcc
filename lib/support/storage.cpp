#include "lib/support/storage.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "lib/support/cache_line.h"
#include "lib/support/publication.h"
#include "mlpjit/error.h"

namespace mlpjit::support {

// One entry of a list that readers walk without a lock; it grows at the front.
struct Contents::Derived {
  Derivation how;
  CountedMemory memory;
  std::atomic<bool> used{false};  // somebody asked for it since the contents were published
  bool stale = false;             // of earlier contents; in those that nobody sees yet
  int unused = 0;                 // publications before these contents that nobody asked for it in
  Derived* next = nullptr;
};

Contents::~Contents() {
  forget_derived();
}

Contents::Derived* Contents::find(const std::array<std::int64_t, 6>& key) const noexcept {
  for (Derived* d = derived_.load(std::memory_order_acquire); d != nullptr; d = d->next) {
    if (d->how.key == key) return d;
  }
  return nullptr;
}

const void* Contents::derived(const std::array<std::int64_t, 6>& key) const noexcept {
  Derived* found = find(key);
  if (found == nullptr) return nullptr;
  if (!found->used.load(std::memory_order_relaxed))
    found->used.store(true, std::memory_order_relaxed);
  return found->memory.get();
}

const void* Contents::derive(const Derivation& how) const {
  if (Derived* known = find(how.key)) {
    if (std::exchange(known->stale, false)) {
      how.fill(data_, known->memory.get());
      known->used.store(false, std::memory_order_relaxed);
    }
    return known->memory.get();
  }
  auto made = std::make_unique<Derived>();
  made->how = how;
  made->memory = make_counted(how.bytes);
  how.fill(data_, made->memory.get());
  made->next = derived_.load(std::memory_order_relaxed);
  derived_.store(made.get(), std::memory_order_release);
  return made.release()->memory.get();
}

void Contents::free_derived(Derived* first) noexcept {
  while (first != nullptr) delete std::exchange(first, first->next);
}

void Contents::forget_derived() const noexcept {
  free_derived(derived_.exchange(nullptr, std::memory_order_relaxed));
}

void Contents::forget_stale() noexcept {
  Derived* kept = nullptr;
  for (Derived* d = derived_.exchange(nullptr, std::memory_order_relaxed); d != nullptr;) {
    Derived* const next = d->next;
    if (d->stale) {
      delete d;
    } else {
      d->next = std::exchange(kept, d);
    }
    d = next;
  }
  derived_.store(kept, std::memory_order_release);
}

void Contents::hand_over() const noexcept {
  if (memory_) support::hand_over(memory_.get(), memory_.get_deleter().bytes);
  for (const Derived* d = derived_.load(std::memory_order_relaxed); d != nullptr; d = d->next) {
    support::hand_over(d->memory.get(), d->how.bytes);
    support::hand_over(d, sizeof *d);
  }
}

namespace {
// A writer makes what was in use; where nobody has asked for it in so many publications it stops.
constexpr int kMostUnused = 16;
}  // namespace

namespace {
// A thread takes them in blocks: a counter that every result raises is a cache line that the cores
// take from each other at every call.
struct Ids {
  std::uint64_t next = 0;
  std::uint64_t end = 0;

  void take() {
    static constinit std::atomic<std::uint64_t> first_free{1};
    constexpr std::uint64_t kBlock = 1024;
    next = first_free.fetch_add(kBlock, std::memory_order_relaxed);
    end = next + kBlock;
  }
};
constinit thread_local Ids thread_ids;
}  // namespace

std::uint64_t Storage::next_id() {
  if (thread_ids.next == thread_ids.end) thread_ids.take();
  return thread_ids.next++;
}

std::uint64_t Storage::id_after_all() {
  thread_ids.take();
  return thread_ids.next;
}

std::shared_ptr<Storage> Storage::allocate(std::size_t bytes) {
  struct Owned : Storage {};  // lets make_shared in
  std::shared_ptr<Storage> storage = std::allocate_shared<Owned>(RecycledAllocator<Owned>());
  storage->first_.memory_ = make_counted(bytes);
  storage->first_.data_ = storage->first_.memory_.get();
  storage->bytes_ = bytes;
  return storage;
}

bool Storage::renew() noexcept {
  const bool plain = !published() && !exposed() && pins_.empty() && spare_ == nullptr &&
                     current_.load(std::memory_order_relaxed) == &first_ &&
                     first_.derived_.load(std::memory_order_relaxed) == nullptr;
  if (!plain) return false;
  first_.spanned_.store(0, std::memory_order_relaxed);
  id_ = next_id();
  return true;
}

std::shared_ptr<Storage> Storage::borrow(void* data, std::size_t bytes,
                                         std::function<void()> release, bool read_only) {
  std::shared_ptr<Storage> storage(new Storage);
  storage->first_.data_ = data;
  storage->bytes_ = bytes;
  storage->borrowed_ = true;
  storage->read_only_ = read_only;
  storage->release_ = std::move(release);
  return storage;
}

const Contents* Storage::prepared(const Publication& publication) const noexcept {
  return publication.prepared(*this);
}

const void* Storage::span() const {
  const Snapshot snapshot;  // until the mark is there
  const std::uint64_t writes = writes_.load(std::memory_order_acquire);
  const Contents& seen = contents();
  seen.spanned_.store(1 + writes, std::memory_order_seq_cst);
  return seen.data();
}

void Storage::expose(const char* call) {
  check_may_write(*this, call);
  if (exposed()) return;
  if (thread_reader.publication != nullptr && prepared(*thread_reader.publication) != nullptr) {
    throw UserError(std::string(call) +
                    ": the tensor is updated in this loop already, and gets its new values at the "
                    "loop's end; write to it by assign()");
  }
  Freed freed;
  const std::lock_guard writers(write_lock_);
  const std::lock_guard lock(derive_lock_);
  if (exposed()) return;
  if (!pins_.empty()) {
    throw UserError(std::string(call) +
                    ": a bound call reads this tensor, which must not change behind its back; "
                    "write to it by assign() or set_data()");
  }
  exposed_.store(true, std::memory_order_release);
  // What was resolved before must not be used again.
  if (published()) freed = publish({});
}

const void* Storage::derived(const Contents& contents, const Derivation& how) const {
  if (exposed()) return nullptr;
  if (const void* known = contents.derived(how.key)) return known;
  const std::lock_guard lock(derive_lock_);
  contents.derive(how);
  return contents.derived(how.key);
}

void Storage::pin(const std::optional<Derivation>& how) {
  check_may_write(*this, "bind");
  const std::lock_guard writers(write_lock_);  // nothing is published meanwhile
  const std::lock_guard lock(derive_lock_);
  if (exposed()) {
    throw UserError(std::string("bind: the program reads a tensor of ") + std::to_string(bytes_) +
                    " bytes " +
                    (borrowed_ ? "that borrows memory" : "whose memory mutable_data() gave away") +
                    ", so that its values may change at any time; give the network a copy() of it");
  }
  if (how) latest().derive(*how);
  const auto same = std::find_if(pins_.begin(), pins_.end(),
                                 [&](const Pinned& pinned) { return pinned.is(how); });
  if (same != pins_.end()) {
    ++same->count;
  } else {
    pins_.push_back({how, 1});
  }
}

void Storage::unpin(const std::optional<Derivation>& how) noexcept {
  const std::lock_guard lock(derive_lock_);
  const auto same = std::find_if(pins_.begin(), pins_.end(),
                                 [&](const Pinned& pinned) { return pinned.is(how); });
  if (same != pins_.end() && --same->count == 0) pins_.erase(same);
}

void Storage::derive_all(Contents& made) {
  const std::lock_guard lock(derive_lock_);
  if (!exposed()) {
    for (const Pinned& pinned : pins_) {
      if (pinned.how) made.derive(*pinned.how);
    }
    const Contents& before = latest();
    for (const Contents::Derived* d = before.derived_.load(std::memory_order_acquire); d != nullptr;
         d = d->next) {
      const int unused = d->used.load(std::memory_order_relaxed) ? 0 : d->unused + 1;
      if (unused > kMostUnused) continue;
      made.derive(d->how);
      made.find(d->how.key)->unused = unused;
    }
  }
  made.forget_stale();
}

Contents* Storage::fresh(bool keep_elements) {
  Contents* made = nullptr;
  {
    const PublicationLock lock;
    made = std::exchange(spare_, nullptr);
  }
  if (made == nullptr) {
    made = new Contents(bytes_);
  } else {
    for (auto* d = made->derived_.load(std::memory_order_relaxed); d != nullptr; d = d->next)
      d->stale = true;
  }
  if (keep_elements && bytes_ > 0) std::memcpy(made->data(), latest().data(), bytes_);
  return made;
}

void Storage::discard(Contents* made) noexcept {
  if (made != &first_) {
    delete made;
    return;
  }
  const PublicationLock lock;  // it was the spare
  if (spare_ == nullptr) {
    spare_ = made;
  } else {
    made->memory_.reset();
  }
}

Storage::~Storage() {
  if (remembered_.load(std::memory_order_acquire)) forget_older(*this);
  for (Contents* at = current_.load(std::memory_order_acquire); at != nullptr;) {
    Contents* const older = at->older_.load(std::memory_order_relaxed);
    if (at != &first_) delete at;
    at = older;
  }
  if (spare_ != &first_) delete spare_;
  if (release_) release_();
}

}  // namespace mlpjit::support
