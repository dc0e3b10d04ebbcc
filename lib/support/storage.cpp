#include "lib/support/storage.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "lib/support/publication.h"
#include "mlpjit/error.h"

namespace mlpjit::support {

// One entry of a list that readers walk without a lock; it grows at the front.
struct Contents::Derived {
  Derivation how;
  CountedMemory memory;
  std::atomic<bool> used{false};  // somebody asked for it since the contents were published
  bool stale = false;             // of earlier contents; in those that nobody sees yet
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

std::uint64_t Storage::next_id() {
  static constinit std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

std::shared_ptr<Storage> Storage::allocate(std::size_t bytes) {
  struct Owned : Storage {};  // lets make_shared in
  std::shared_ptr<Storage> storage = std::make_shared<Owned>();
  storage->first_.memory_ = make_counted(bytes);
  storage->first_.data_ = storage->first_.memory_.get();
  storage->bytes_ = bytes;
  return storage;
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

const void* Storage::span() const noexcept {
  const Snapshot snapshot;  // until the mark is there
  const Contents& seen = contents();
  if (published()) const_cast<Contents&>(seen).spanned_.store(true, std::memory_order_seq_cst);
  return seen.data();
}

void Storage::expose(const char* call) {
  check_may_write(*this, call);
  if (exposed()) return;
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
  if (published()) publish({});
}

const void* Storage::derived(const Contents& contents, const Derivation& how) const {
  if (exposed()) return nullptr;
  if (const void* known = contents.derived(how.key)) return known;
  const std::lock_guard lock(derive_lock_);
  contents.derive(how);
  return contents.derived(how.key);
}

void Storage::pin(const std::optional<Derivation>& how) {
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
      if (d->used.load(std::memory_order_relaxed)) made.derive(d->how);
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
  if (spare_ == nullptr) spare_ = made;
}

// Finds what nobody can see any more. What it keeps from time to time is guarded by
// PublicationLock; of static lifetime, and never destroyed, since tensors of static lifetime
// outlive any other.
class Reclaim {
 public:
  // To be freed outside of the lock.
  struct Trash {
    std::vector<Contents*> contents;
    std::vector<CountedMemory> elements;
    std::vector<Contents::Derived*> derived;
    std::vector<std::shared_ptr<const void>> objects;

    ~Trash() {
      for (Contents* each : contents) delete each;
      for (Contents::Derived* each : derived) Contents::free_derived(each);
    }
  };

  static Reclaim& of_process() {
    static auto* const one = new Reclaim;
    return *one;
  }

  void remember(Storage& storage) {
    if (storage.remembered_.exchange(true, std::memory_order_relaxed)) return;
    with_older_.push_back(&storage);
  }
  void forget(const Storage& storage) { std::erase(with_older_, &storage); }
  void retire(std::shared_ptr<const void> object, std::uint64_t now) {
    retired_.emplace_back(std::move(object), now);
  }

  void run(std::uint64_t now, Trash& trash) {
    oldest_ = now;
    snapshots_.clear();
    for_each_snapshot([this](std::uint64_t since, std::uint64_t author) {
      snapshots_.emplace_back(since, author);
      oldest_ = std::min(oldest_, since);
    });
    std::erase_if(with_older_, [&](Storage* storage) {
      if (trim(*storage, trash)) return false;
      storage->remembered_.store(false, std::memory_order_release);  // the last look at it
      return true;
    });
    std::erase_if(retired_, [&](auto& retired) {
      if (retired.second > oldest_) return false;
      trash.objects.push_back(std::move(retired.first));
      return true;
    });
    // Who began after they were replaced does not walk over them.
    std::erase_if(hollow_, [&](Contents* contents) {
      if (contents->died_ > oldest_) return false;
      trash.contents.push_back(contents);
      return true;
    });
  }

 private:
  // Keeps the latest contents, those that some snapshot sees, and those just replaced where
  // somebody outside may look at them. Whether there are older ones left.
  bool trim(Storage& storage, Trash& trash) {
    Contents* const latest = storage.current_.load(std::memory_order_relaxed);
    Contents* const previous = latest->older_.load(std::memory_order_relaxed);
    kept_.clear();
    if (previous != nullptr && previous->spanned_.load(std::memory_order_seq_cst))
      kept_.push_back(previous);
    for (const auto& [since, author] : snapshots_) kept_.push_back(&storage.as_of(since, author));
    Contents* last = latest;
    for (Contents* at = previous; at != nullptr;) {
      Contents* const older = at->older_.load(std::memory_order_relaxed);
      if (std::find(kept_.begin(), kept_.end(), at) != kept_.end()) {
        last->older_.store(at, std::memory_order_release);
        last = at;
      } else {
        give_up(storage, at, trash);
      }
      at = older;
    }
    last->older_.store(nullptr, std::memory_order_release);
    return last != latest;
  }

  void give_up(Storage& storage, Contents* contents, Trash& trash) {
    if (storage.recycles_.load(std::memory_order_relaxed) && storage.spare_ == nullptr &&
        contents->died_ <= oldest_) {
      contents->spanned_.store(false, std::memory_order_relaxed);
      storage.spare_ = contents;
      return;
    }
    trash.elements.push_back(std::move(contents->memory_));
    trash.derived.push_back(contents->derived_.exchange(nullptr));
    if (contents != &storage.first_) hollow_.push_back(contents);
  }

  std::vector<Storage*> with_older_;
  // Without elements, but somebody on the way to older ones may be looking where those are.
  std::vector<Contents*> hollow_;
  // Each with the publication at which nobody could find it any more.
  std::vector<std::pair<std::shared_ptr<const void>, std::uint64_t>> retired_;
  // Of one run; here for their memory.
  std::uint64_t oldest_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> snapshots_;
  std::vector<const Contents*> kept_;
};

void publish(std::span<const std::pair<Storage*, Contents*>> made) {
  static constinit std::atomic<std::uint64_t> next_author{1};
  ThreadReader& thread = thread_reader;
  if (thread.depth > 0 && thread.author == 0) {
    thread.author = next_author.fetch_add(1, std::memory_order_relaxed);
    thread.reader->author.store(thread.author, std::memory_order_relaxed);
  }
  Reclaim::Trash trash;
  {
    const PublicationLock lock;
    Reclaim& reclaim = Reclaim::of_process();
    const std::uint64_t now = latest_publication.load(std::memory_order_relaxed) + 1;
    for (const auto& [storage, contents] : made) {
      Contents* const before = storage->current_.load(std::memory_order_relaxed);
      contents->born_ = now;
      contents->author_ = thread.depth > 0 ? thread.author : 0;
      contents->older_.store(before, std::memory_order_relaxed);
      before->died_ = now;
      storage->current_.store(contents, std::memory_order_release);
      reclaim.remember(*storage);
    }
    latest_publication.store(now, std::memory_order_seq_cst);
    reclaim.run(now, trash);
  }
  if (thread.depth > 0) thread.changed();
}

void retire(std::shared_ptr<const void> object) {
  Reclaim::Trash trash;
  const PublicationLock lock;
  Reclaim& reclaim = Reclaim::of_process();
  const std::uint64_t now = latest_publication.load(std::memory_order_relaxed) + 1;
  reclaim.retire(std::move(object), now);
  latest_publication.store(now, std::memory_order_seq_cst);
  reclaim.run(now, trash);
  if (thread_reader.depth > 0) thread_reader.retired = true;
}

void Snapshot::free_retired(ThreadReader& thread) noexcept {
  thread.retired = false;
  try {
    Reclaim::Trash trash;
    const PublicationLock lock;
    Reclaim::of_process().run(latest_publication.load(std::memory_order_relaxed), trash);
  } catch (...) {  // no memory for the list: the next publication frees
  }
}

Storage::~Storage() {
  if (remembered_.load(std::memory_order_acquire)) {
    const PublicationLock lock;
    Reclaim::of_process().forget(*this);
  }
  for (Contents* at = current_.load(std::memory_order_acquire); at != nullptr;) {
    Contents* const older = at->older_.load(std::memory_order_relaxed);
    if (at != &first_) delete at;
    at = older;
  }
  if (spare_ != &first_) delete spare_;
  if (release_) release_();
}

}  // namespace mlpjit::support
