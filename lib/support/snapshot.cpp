#include "lib/support/snapshot.h"

#include <pthread.h>

#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

namespace mlpjit::support {

constinit std::atomic<std::uint64_t> latest_publication{1};
constinit thread_local ThreadReader thread_reader{};
constinit std::atomic<Reader*> first_reader{nullptr};

namespace {

constinit std::mutex readers_mutex;  // who comes up or leaves
constinit std::mutex publication_mutex;
constinit std::atomic<std::uint32_t> forks{0};  // that led to this process

void before_fork() {
  readers_mutex.lock();
  publication_mutex.lock();
}

void after_fork() {
  publication_mutex.unlock();
  readers_mutex.unlock();
}

// Of all threads only this one is there.
void after_fork_in_child() {
  forks.fetch_add(1, std::memory_order_relaxed);
  for (Reader* r = first_reader.load(); r != nullptr; r = r->next) {
    if (r == thread_reader.reader) continue;
    r->since.store(0);
    r->author.store(0);
    if (r->of_thread) r->taken.store(false);
  }
  after_fork();
}

}  // namespace

namespace {

// Never freed: a writer may look at it at any time. In the last quarter of a page: a processor that
// has just locked a word delays loads from words as far into their pages, and generated code reads
// its constants, at the beginning of theirs, right behind the lock.
Reader* make_reader() {
  constexpr std::size_t kPage = 4096, kFirst = kPage * 3 / 4;
  static_assert((kPage - kFirst) % sizeof(Reader) == 0);
  static std::byte* page = nullptr;  // guarded by the mutex of readers
  static std::size_t next = kPage;
  if (next == kPage) {
    page = static_cast<std::byte*>(std::aligned_alloc(kPage, kPage));
    if (page == nullptr) throw std::bad_alloc();
    next = kFirst;
  }
  return new (page + std::exchange(next, next + sizeof(Reader))) Reader;
}

}  // namespace

Reader& Reader::take(bool of_thread) {
  static const int registered = pthread_atfork(before_fork, after_fork, after_fork_in_child);
  (void)registered;
  const std::lock_guard lock(readers_mutex);
  for (Reader* r = first_reader.load(std::memory_order_relaxed); r != nullptr; r = r->next) {
    if (r->taken.load(std::memory_order_relaxed)) continue;
    r->of_thread = of_thread;
    r->taken.store(true, std::memory_order_relaxed);
    return *r;
  }
  Reader* const fresh = make_reader();
  fresh->of_thread = of_thread;
  fresh->taken.store(true, std::memory_order_relaxed);
  fresh->next = first_reader.load(std::memory_order_relaxed);
  first_reader.store(fresh, std::memory_order_seq_cst);
  return *fresh;
}

void Reader::leave() noexcept {
  const std::lock_guard lock(readers_mutex);
  taken.store(false, std::memory_order_relaxed);
}

void Snapshot::join(ThreadReader& thread) {
  struct AtThreadEnd {
    ~AtThreadEnd() {
      if (thread_reader.reader != nullptr && thread_reader.depth == 0) {
        thread_reader.reader->leave();
        thread_reader.reader = nullptr;
      }
      thread_reader.ended = true;
    }
  };
  thread.reader = &Reader::take(true);
  if (thread.ended) return;  // a destructor of another object of the thread: left when it is closed
  static thread_local const AtThreadEnd at_thread_end;
}

SoleReader::SoleReader() {
  readers_mutex.lock();
  const ThreadReader& mine = thread_reader;
  sole_ = mine.programs == 0;
  for (const Reader* r = first_reader.load(std::memory_order_relaxed); r != nullptr && sole_;
       r = r->next)
    sole_ = r == mine.reader || !r->taken.load(std::memory_order_relaxed);
  if (!sole_) readers_mutex.unlock();
}

SoleReader::~SoleReader() {
  if (sole_) readers_mutex.unlock();
}

PublicationLock::PublicationLock() {
  publication_mutex.lock();
}
PublicationLock::~PublicationLock() {
  publication_mutex.unlock();
}

std::uint32_t fork_count() noexcept {
  return forks.load(std::memory_order_relaxed);
}

bool ForkSafeLock::try_lock() noexcept {
  const std::uint32_t mine = fork_count() + 1;
  std::uint32_t holder = 0;
  if (holder_.compare_exchange_strong(holder, mine, std::memory_order_acquire)) return true;
  return holder != mine && holder_.compare_exchange_strong(holder, mine, std::memory_order_acquire);
}

void ForkSafeLock::lock() noexcept {
  const std::uint32_t mine = fork_count() + 1;
  // What another number holds stayed behind a fork.
  while (!try_lock()) holder_.wait(mine, std::memory_order_relaxed);
}

}  // namespace mlpjit::support
