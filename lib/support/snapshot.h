#pragma once
// Snapshots: what a thread reads of published contents is of one moment, as long as one is open
// (docs/weights.md). Publications are numbered; a snapshot says of which one it is, so that a
// writer knows which old contents somebody may still be reading. Opening one takes no lock and
// waits for nobody; only the first one of a thread takes its place in a list.

#include <atomic>
#include <cstdint>

#include "lib/support/cache_line.h"

namespace mlpjit::support {

class Publication;
class Update;

// The number of the latest publication; from 1.
extern constinit std::atomic<std::uint64_t> latest_publication;

// One who reads: a thread, or a bound call. In a list that only grows; those left are used again.
struct alignas(kApart) Reader {
  std::atomic<std::uint64_t> since{0};   // the publication that it reads as of; 0: reads nothing
  std::atomic<std::uint64_t> author{0};  // its snapshot's, once that has written; 0: none
  std::atomic<bool> taken{false};
  bool of_thread = true;
  Reader* next = nullptr;

  // Takes a free one, or adds one; throws std::bad_alloc.
  static Reader& take(bool of_thread);
  void leave() noexcept;

  // The publication that is read as of, until end().
  template <class Number = std::atomic<std::uint64_t>>
  std::uint64_t begin(const Number& latest = latest_publication) noexcept {
    const std::uint64_t now = latest.load(std::memory_order_acquire);
    since.exchange(now, std::memory_order_seq_cst);
    return settled(now, latest);
  }
  // The same by the one of several threads that comes first; 0, and nothing is read, for another.
  std::uint64_t try_begin() noexcept {
    const std::uint64_t now = latest_publication.load(std::memory_order_acquire);
    std::uint64_t nobody = 0;
    if (!since.compare_exchange_strong(nobody, now, std::memory_order_seq_cst)) return 0;
    return settled(now, latest_publication);
  }
  void end() noexcept { since.store(0, std::memory_order_release); }

 private:
  // A writer that publishes after `since` was written sees it; one that did before is seen here.
  template <class Number>
  std::uint64_t settled(std::uint64_t now, const Number& latest) noexcept {
    while (true) {
      const std::uint64_t again = latest.load(std::memory_order_seq_cst);
      if (again == now) return now;
      now = again;
      since.exchange(now, std::memory_order_seq_cst);
    }
  }
};

extern constinit std::atomic<Reader*> first_reader;

// What a thread reads, and whether it writes.
struct ThreadReader {
  Reader* reader = nullptr;
  int depth = 0;             // snapshots, one inside the other
  int programs = 0;          // compiled calls under way: they hold pointers to contents
  std::uint64_t since = 0;   // of the snapshot
  std::uint64_t author = 0;  // of the snapshot, once it has written
  std::uint64_t stamp = 0;
  std::uint64_t changes = 0;           // counts what changed the thread's own sight
  bool retired = false;                // something that its own snapshot keeps alive
  bool holds = false;                  // contents for the program that runs now (Held)
  bool ended = false;                  // its objects are gone: it keeps no place in the list
  Publication* publication = nullptr;  // that the thread is preparing
  const Update* update = nullptr;      // of the compiled call under way, where it has one

  // What was resolved before is not what is seen now.
  void changed() noexcept { stamp = ++changes << 1 | 1; }
};
extern constinit thread_local ThreadReader thread_reader;

// From the first to the last of nested ones, this thread sees one state of all published contents,
// and what it writes itself.
class Snapshot {
 public:
  Snapshot() : thread_(thread_reader) {
    if (thread_.depth == 0) open(thread_);
    ++thread_.depth;
  }
  ~Snapshot() {
    if (--thread_.depth == 0) close(thread_);
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Equal stamps of one thread: what was read under the one is what is read under the other.
  std::uint64_t stamp() const { return thread_.stamp; }

 private:
  static void open(ThreadReader& thread) {
    if (thread.reader == nullptr) [[unlikely]]
      join(thread);
    thread.since = thread.reader->begin();
    if (thread.publication != nullptr) [[unlikely]]
      thread.changed();
    else
      thread.stamp = thread.since << 1;
  }
  static void close(ThreadReader& thread) noexcept {
    if (thread.author != 0) [[unlikely]] {
      thread.author = 0;
      thread.reader->author.store(0, std::memory_order_relaxed);
    }
    thread.reader->end();
    if (thread.retired || thread.ended) [[unlikely]]
      clean_up(thread);
  }
  static void clean_up(ThreadReader& thread) noexcept;
  static void join(ThreadReader& thread);  // the list of readers

  ThreadReader& thread_;
};

// Keeps other readers from coming up, where this thread is the only one: what it writes meanwhile
// may be written in place. Other threads' first snapshots wait for it, so it spans one write and no
// code of others.
class SoleReader {
 public:
  SoleReader();
  ~SoleReader();
  SoleReader(const SoleReader&) = delete;
  SoleReader& operator=(const SoleReader&) = delete;
  explicit operator bool() const { return sole_; }

 private:
  bool sole_ = false;
};

// The mutex of all publications, never held while contents are copied or packed, nor while code of
// others runs. Fork-safe.
class PublicationLock {
 public:
  PublicationLock();
  ~PublicationLock();
  PublicationLock(const PublicationLock&) = delete;
  PublicationLock& operator=(const PublicationLock&) = delete;
};

// Calls `visit(since, author)` for everybody who reads now. Within a PublicationLock.
template <class Visit>
void for_each_snapshot(const Visit& visit) {
  for (const Reader* r = first_reader.load(std::memory_order_seq_cst); r != nullptr; r = r->next) {
    const std::uint64_t since = r->since.load(std::memory_order_seq_cst);
    if (since != 0) visit(since, r->author.load(std::memory_order_relaxed));
  }
}

// How many forks led to this process, of those since the first snapshot: threads that were there
// before are not.
std::uint32_t fork_count() noexcept;

// A lock that a forked child finds open: its holder is not there. May be held while programs run.
class ForkSafeLock {
 public:
  void lock() noexcept;
  bool try_lock() noexcept;
  void unlock() noexcept {
    holder_.store(0, std::memory_order_release);
    holder_.notify_one();
  }

 private:
  std::atomic<std::uint32_t> holder_{0};  // 1 + how many forks led to the holder's process
};

}  // namespace mlpjit::support
