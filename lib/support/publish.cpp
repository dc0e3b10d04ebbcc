// Publishing, and what becomes of what nobody can see any more.

#include <algorithm>
#include <new>

#include "lib/support/storage.h"
#include "lib/support/thread_object.h"

namespace mlpjit::support {

// Finds what nobody can see any more. What it keeps from time to time is guarded by
// PublicationLock; of static lifetime, and never destroyed, since tensors of static lifetime
// outlive any other.
class Reclaim {
 public:
  static Reclaim& of_process() {
    static auto* const one = new Reclaim;
    return *one;
  }

  // Room for what the publication of `more` contents may move. Throws std::bad_alloc.
  void reserve(std::size_t more, Freed& freed) {
    freed = std::move(room_);
    std::size_t nodes = more;
    for (const Storage* storage : with_older_) {
      for (const Contents* at = storage->current_.load(std::memory_order_relaxed); at != nullptr;
           at = at->older_.load(std::memory_order_relaxed))
        ++nodes;
    }
    with_older_.reserve(with_older_.size() + more);
    freed.elements_.reserve(nodes);
    freed.derived_.reserve(nodes);
    freed.objects_.reserve(retired_.size());
  }
  // The room of what was let go, for the next time.
  void give_back(Freed& room) noexcept {
    if (room_.elements_.capacity() == 0) std::swap(room_.elements_, room.elements_);
    if (room_.derived_.capacity() == 0) std::swap(room_.derived_, room.derived_);
  }

  void remember(Storage& storage) noexcept {
    if (storage.remembered_.exchange(true, std::memory_order_relaxed)) return;
    with_older_.push_back(&storage);
  }
  void forget(const Storage& storage) noexcept { std::erase(with_older_, &storage); }
  // Takes it only where it does not throw.
  void retire(std::shared_ptr<const void>& object, std::uint64_t now) {
    retired_.reserve(retired_.size() + 1);
    retired_.emplace_back(std::move(object), now);
  }

  // After reserve().
  void run(std::uint64_t now, Freed& freed) noexcept {
    try {
      now_ = oldest_ = now;
      snapshots_.clear();
      for_each_snapshot([this](std::uint64_t since, std::uint64_t author) {
        snapshots_.emplace_back(since, author);
        oldest_ = std::min(oldest_, since);
      });
    } catch (const std::bad_alloc&) {
      return;  // then the next publication frees
    }
    std::erase_if(with_older_, [&](Storage* storage) {
      if (trim(*storage, freed)) return false;
      storage->remembered_.store(false, std::memory_order_release);  // the last look at it
      return true;
    });
    std::erase_if(retired_, [&](auto& retired) {
      if (retired.second > oldest_) return false;
      freed.objects_.push_back(std::move(retired.first));
      return true;
    });
    // Who began after they were given up does not come to them.
    while (first_hollow_ != nullptr && first_hollow_->given_up_ <= oldest_) {
      Contents* const dead = std::exchange(first_hollow_, first_hollow_->next_hollow_);
      if (first_hollow_ == nullptr) last_hollow_ = nullptr;
      dead->next_hollow_ = std::exchange(freed.contents_, dead);
    }
  }

 private:
  // Keeps the latest contents, those that some snapshot sees, and those that somebody outside may
  // look at. Whether there are older ones left.
  bool trim(Storage& storage, Freed& freed) noexcept {
    Contents* const latest = storage.current_.load(std::memory_order_relaxed);
    const std::uint64_t writes = storage.writes_.load(std::memory_order_relaxed);
    for (const auto& [since, author] : snapshots_) storage.as_of(since, author).kept_ = true;
    Contents* last = latest;
    for (Contents* at = latest->older_.load(std::memory_order_relaxed); at != nullptr;) {
      Contents* const older = at->older_.load(std::memory_order_relaxed);
      const std::uint64_t spanned = at->spanned_.load(std::memory_order_seq_cst);
      const bool held = at->held_.load(std::memory_order_relaxed) > 0;
      if (at->kept_ || held || (spanned != 0 && writes - (spanned - 1) < 2)) {
        last->older_.store(at, std::memory_order_release);
        last = at;
      } else {
        give_up(storage, at, freed);
      }
      at->kept_ = false;
      at = older;
    }
    latest->kept_ = false;
    last->older_.store(nullptr, std::memory_order_release);
    return last != latest;
  }

  void give_up(Storage& storage, Contents* contents, Freed& freed) noexcept {
    if (storage.recycles_.load(std::memory_order_relaxed) && storage.spare_ == nullptr &&
        contents->died_ <= oldest_) {
      contents->spanned_.store(0, std::memory_order_relaxed);
      storage.spare_ = contents;
      return;
    }
    freed.elements_.push_back(std::move(contents->memory_));
    freed.derived_.push_back(contents->derived_.exchange(nullptr));
    if (contents == &storage.first_) return;
    contents->given_up_ = now_;
    contents->next_hollow_ = nullptr;
    (last_hollow_ == nullptr ? first_hollow_ : last_hollow_->next_hollow_) = contents;
    last_hollow_ = contents;
  }

  std::vector<Storage*> with_older_;
  // Without elements, but somebody on the way to older ones may be looking where those are.
  // In the order of giving up.
  Contents *first_hollow_ = nullptr, *last_hollow_ = nullptr;
  // Each with the publication at which nobody could find it any more.
  std::vector<std::pair<std::shared_ptr<const void>, std::uint64_t>> retired_;
  // Of one run; here for their memory.
  std::uint64_t now_ = 0, oldest_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> snapshots_;
  Freed room_;
};

void Freed::let_go() noexcept {
  while (contents_ != nullptr) delete std::exchange(contents_, contents_->next_hollow_);
  for (Contents::Derived* each : derived_) Contents::free_derived(each);
  derived_.clear();
  elements_.clear();
  objects_.clear();
}

Freed& Freed::operator=(Freed&& other) noexcept {
  std::swap(contents_, other.contents_);
  std::swap(elements_, other.elements_);
  std::swap(derived_, other.derived_);
  std::swap(objects_, other.objects_);
  return *this;
}

Freed::~Freed() {
  let_go();
  if (elements_.capacity() == 0) return;
  const PublicationLock lock;
  Reclaim::of_process().give_back(*this);
}

namespace {
Held& held_by_thread() {
  return thread_object<Held, Held>();
}
}  // namespace

void release_held() noexcept {
  ThreadReader& thread = thread_reader;
  if (!thread.holds) return;
  thread.holds = false;
  Held& held = held_by_thread();
  for (const auto& [storage, contents] : held.contents)
    contents->held_.fetch_sub(1, std::memory_order_relaxed);
  held.contents.clear();
  thread.retired = true;  // to be looked for when the snapshot is closed
}

Freed publish(std::span<const std::pair<Storage*, Contents*>> made) {
  static constinit std::atomic<std::uint64_t> next_author{1};
  ThreadReader& thread = thread_reader;
  if (thread.depth > 0 && thread.author == 0) {
    thread.author = next_author.fetch_add(1, std::memory_order_relaxed);
    thread.reader->author.store(thread.author, std::memory_order_relaxed);
  }
  Freed freed;
  // A program of this thread that runs now has pointers.
  Held* const held = thread.programs > 0 && !made.empty() ? &held_by_thread() : nullptr;
  if (held != nullptr) held->contents.reserve(held->contents.size() + made.size());
  {
    const PublicationLock lock;
    Reclaim& reclaim = Reclaim::of_process();
    reclaim.reserve(2 * made.size(), freed);
    const std::uint64_t now = latest_publication.load(std::memory_order_relaxed) + 1;
    for (const auto& [storage, contents] : made) {
      Contents* const before = storage->current_.load(std::memory_order_relaxed);
      contents->born_ = now;
      contents->author_ = thread.depth > 0 ? thread.author : 0;
      contents->older_.store(before, std::memory_order_relaxed);
      before->died_ = now;
      if (held != nullptr) {
        before->held_.fetch_add(1, std::memory_order_relaxed);
        held->contents.emplace_back(storage->shared_from_this(), before);
        thread.holds = true;
      }
      storage->writes_.fetch_add(1, std::memory_order_release);
      storage->current_.store(contents, std::memory_order_release);
      reclaim.remember(*storage);
    }
    latest_publication.store(now, std::memory_order_seq_cst);
    reclaim.run(now, freed);
  }
  if (thread.depth > 0) thread.changed();
  return freed;
}

void retire(std::shared_ptr<const void> object) noexcept {
  Freed freed;
  try {
    const PublicationLock lock;
    Reclaim& reclaim = Reclaim::of_process();
    const std::uint64_t now = latest_publication.load(std::memory_order_relaxed) + 1;
    reclaim.retire(object, now);
    latest_publication.store(now, std::memory_order_seq_cst);
    reclaim.reserve(0, freed);
    reclaim.run(now, freed);
  } catch (const std::bad_alloc&) {
    // No memory for the list: kept for ever, since somebody may be using it.
    using Object = std::shared_ptr<const void>;
    alignas(Object) std::byte room[sizeof(Object)];
    if (object) new (room) Object(std::move(object));
  }
  if (thread_reader.depth > 0) thread_reader.retired = true;
}

void Snapshot::clean_up(ThreadReader& thread) noexcept {
  if (thread.retired) {
    thread.retired = false;
    Freed freed;
    try {
      const PublicationLock lock;
      Reclaim& reclaim = Reclaim::of_process();
      reclaim.reserve(0, freed);
      reclaim.run(latest_publication.load(std::memory_order_relaxed), freed);
    } catch (const std::bad_alloc&) {  // the next publication frees
    }
  }
  if (thread.ended && thread.depth == 0 && thread.reader != nullptr) {
    thread.reader->leave();
    thread.reader = nullptr;
  }
}

void forget_older(const Storage& storage) noexcept {
  const PublicationLock lock;
  Reclaim::of_process().forget(storage);
}

}  // namespace mlpjit::support
