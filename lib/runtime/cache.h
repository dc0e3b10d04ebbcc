#pragma once
// Things that are made once per key and found again: compiled programs by the calls they serve.
// Found by a hash, taken only when the whole key is equal; one is made per key however many threads
// ask; bounded in entries and bytes, least recently used out. An object, not a global.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lib/plan/target.h"
#include "lib/runtime/compiled_graph.h"
#include "lib/support/making.h"
#include "lib/support/storage.h"
#include "lib/support/tally.h"
#include "mlpjit/options.h"

namespace mlpjit::runtime {

// What compiled code depends on besides the program. No weight values: weights are arguments.
struct BuildKey {
  Backend backend = Backend::native;
  PassOptions passes;
  plan::Target target;
  int threads = 1;
  std::string versions;  // mlpjit, numerics, ABI of generated code, LLVM

  friend bool operator==(const BuildKey&, const BuildKey&) = default;
};
BuildKey build_key(const Settings& settings);
std::uint64_t hash(const BuildKey& key);  // XXH3

struct CacheStats {
  std::uint64_t hits = 0;  // found, or waited for another thread's
  std::uint64_t misses = 0;
  std::uint64_t compiles = 0;  // that succeeded
  std::uint64_t failures = 0;
  std::uint64_t evictions = 0;
  std::size_t entries = 0;
  std::size_t bytes = 0;
};

struct CacheBounds {
  std::size_t max_entries = 64;
  std::size_t max_bytes = std::size_t{256} << 20;
};

// Value has bytes(). Two values may share a key when the caller tells them apart by more than it
// (`fits`).
template <class Key, class Value>
class Cache {
 public:
  using Pointer = std::shared_ptr<const Value>;
  using Hash = std::function<std::uint64_t(const Key&)>;
  using Keys = std::vector<const Key*>;  // the most recently used first

  // `in_order`: a miss is only told of when nothing is in the making, so that of several first
  // calls at once one is the first.
  Cache(CacheBounds bounds, Hash hash, bool in_order = false)
      : bounds_(bounds), hash_(std::move(hash)), in_order_(in_order) {}
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // The value used last, if `fits(key, value)`; null otherwise, and nothing is counted then. The
  // short way of calls that are all alike: within a Snapshot of the caller's, to whose end the
  // value is there, it takes no lock and writes to nothing that threads share.
  template <class Fits>
  const Value* glance(const Fits& fits) const {
    const Entry* entry = latest_.load(std::memory_order_acquire);
    if (entry == nullptr || !fits(entry->key, *entry->value)) return nullptr;
    entry->hits.add();
    return entry->value.get();
  }

  // The same, under the lock, for as long as the pointer is held.
  template <class Fits>
  Pointer latest(const Fits& fits) {
    const std::lock_guard lock(mutex_);
    if (recency_.empty()) return nullptr;
    const Entry& entry = *recency_.front();
    if (!fits(entry.key, *entry.value)) return nullptr;
    entry.hits.add();
    return entry.value;
  }

  // The value of `key` for which `fits(value)`, if it is there; null otherwise, and nothing is
  // counted then.
  template <class Fits>
  Pointer find(const Key& key, const Fits& fits) {
    const std::uint64_t code = hash_(key);
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<Entry> found = entry_of(code, key, fits);
    return found && found->value != nullptr ? hit(found) : nullptr;
  }

  // What get() of a key that is not there begins with: whether it would be refused.
  template <class Miss>
  void ask(const Key& key, const Miss& miss) const {
    const std::uint64_t code = hash_(key);
    const std::lock_guard lock(mutex_);
    miss(keys(), evicted_.contains(code));
  }

  // The value of `key` for which `fits(value)`. When there is none, `miss(the keys that are there,
  // whether there was one that made room for others)` is called under the lock and may refuse by
  // throwing; then `make()` runs without the lock, in one thread per key, and the others wait for
  // it. What it throws reaches all who waited, and the next to ask tries again. Null where
  // another is making it and this thread makes something too, or this thread makes that very value.
  // The newest entry stays whatever its size.
  template <class Fits, class Miss, class Make>
  Pointer get(const Key& key, const Fits& fits, const Miss& miss, const Make& make) {
    const std::uint64_t code = hash_(key);
    std::shared_ptr<Entry> entry;
    {
      std::unique_lock lock(mutex_);
      for (;;) {
        const std::shared_ptr<Entry> found = entry_of(code, key, fits);
        if (found == nullptr) {
          if (in_order_ && wait_for_another(lock)) continue;
          break;
        }
        if (found->value != nullptr) return hit(found);
        if (support::Making::waited_for()) return nullptr;
        made_.wait(lock, [&] { return found->finished; });
        if (found->error) {
          ++stats_.hits;
          std::rethrow_exception(found->error);
        }
        // A generation that clear() ended serves who waited for it, and is not kept.
        if (!found->kept && fits(*found->value)) {
          ++stats_.hits;
          return found->value;
        }
      }
      ++stats_.misses;
      miss(keys(), evicted_.contains(code));
      entry = std::make_shared<Entry>(key, code, generation_);
      index_.emplace(code, entry);
    }
    return build(entry, make);
  }
  template <class Make>
  Pointer get(const Key& key, const Make& make) {
    return get(key, [](const Value&) { return true; }, [](const Keys&, bool) {}, make);
  }

  // Forgets the values for which `pred(value)`; who runs them holds them.
  template <class Predicate>
  void drop(const Predicate& pred) {
    Dropped dropped;
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<Entry>& entry : recency_) {
      if (pred(*entry->value)) dropped.entries.push_back(entry);
    }
    for (const std::shared_ptr<Entry>& entry : dropped.entries) erase(*entry);
  }

  // Forgets what is there; who runs it holds it by its pointer, and what is being made is not kept.
  void clear() {
    Dropped dropped;
    const std::lock_guard lock(mutex_);
    ++generation_;
    evicted_.clear();
    while (!recency_.empty()) {
      dropped.entries.push_back(recency_.front());
      erase(*dropped.entries.back());
    }
  }

  CacheStats stats() const {
    const std::lock_guard lock(mutex_);
    CacheStats all = stats_;
    for (const std::shared_ptr<Entry>& entry : recency_) all.hits += entry->hits.total();
    return all;
  }

  struct Listed {
    Key key;
    Pointer value;
    std::uint64_t hits = 0;
  };
  // The most recently used first.
  std::vector<Listed> list() const {
    const std::lock_guard lock(mutex_);
    std::vector<Listed> all;
    for (const std::shared_ptr<Entry>& entry : recency_)
      all.push_back({entry->key, entry->value, entry->hits.total()});
    return all;
  }

 private:
  struct Entry {
    Entry(const Key& of, std::uint64_t code, std::uint64_t now)
        : key(of), hash(code), generation(now) {}

    const Key key;
    const std::uint64_t hash = 0;
    const std::uint64_t generation = 0;
    bool finished = false, kept = false;
    std::exception_ptr error = nullptr;
    Pointer value = nullptr;  // null until finished
    std::size_t bytes = 0;
    mutable support::Tally hits;
    typename std::list<std::shared_ptr<Entry>>::iterator place = {};  // in recency_, when kept
  };

  // Entries that are not there any more, but that glance() may have found: freed after the lock is
  // gone, and those calls are over.
  struct Dropped {
    std::vector<std::shared_ptr<Entry>> entries;
    ~Dropped() {
      for (std::shared_ptr<Entry>& entry : entries) support::retire(std::move(entry));
    }
  };

  // Under the lock. An entry that fits, or one in the making that may turn out to.
  template <class Fits>
  std::shared_ptr<Entry> entry_of(std::uint64_t code, const Key& key, const Fits& fits) const {
    std::shared_ptr<Entry> pending;
    const auto [first, last] = index_.equal_range(code);
    for (auto it = first; it != last; ++it) {
      const std::shared_ptr<Entry>& entry = it->second;
      if (!(entry->key == key)) continue;
      if (entry->value == nullptr) {
        pending = entry;
      } else if (fits(*entry->value)) {
        return entry;
      }
    }
    return pending;
  }

  // Under the lock, which is released meanwhile: until what another thread makes is finished. False
  // where there is no such thing, or this thread makes something too.
  bool wait_for_another(std::unique_lock<std::mutex>& lock) {
    if (support::Making::waited_for()) return false;
    for (const auto& [code, entry] : index_) {
      if (entry->value != nullptr) continue;
      const std::shared_ptr<Entry> pending = entry;
      made_.wait(lock, [&] { return pending->finished; });
      return true;
    }
    return false;
  }

  // Under the lock.
  Keys keys() const {
    Keys all;
    for (const std::shared_ptr<Entry>& entry : recency_) all.push_back(&entry->key);
    return all;
  }

  // Under the lock.
  Pointer hit(const std::shared_ptr<Entry>& entry) {
    entry->hits.add();
    recency_.splice(recency_.begin(), recency_, entry->place);
    latest_.store(entry.get(), std::memory_order_release);
    return entry->value;
  }

  template <class Make>
  Pointer build(const std::shared_ptr<Entry>& entry, const Make& make) {
    Pointer value;
    try {
      const support::Making making(entry.get());
      value = make();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      erase(*entry);  // the next to ask tries again
      ++stats_.failures;
      entry->error = std::current_exception();
      entry->finished = true;
      made_.notify_all();
      throw;
    }
    publish(entry, value);
    return value;
  }

  void publish(const std::shared_ptr<Entry>& entry, const Pointer& value) {
    Dropped evicted;
    const std::lock_guard lock(mutex_);
    ++stats_.compiles;
    entry->kept = entry->generation == generation_;
    if (!entry->kept) erase(*entry);
    entry->value = value;
    entry->finished = true;
    made_.notify_all();
    if (!entry->kept) return;
    evicted_.erase(entry->hash);
    entry->bytes = value->bytes();
    recency_.push_front(entry);
    entry->place = recency_.begin();
    latest_.store(entry.get(), std::memory_order_release);
    ++stats_.entries;
    stats_.bytes += entry->bytes;
    const std::size_t max_entries = std::max<std::size_t>(bounds_.max_entries, 1);
    while ((stats_.entries > max_entries || stats_.bytes > bounds_.max_bytes) &&
           recency_.size() > 1) {
      if (evicted_.size() >= kMostEvicted) evicted_.clear();
      evicted_.insert(recency_.back()->hash);
      evicted.entries.push_back(recency_.back());
      erase(*evicted.entries.back());
      ++stats_.evictions;
    }
  }

  // Under the lock.
  void erase(const Entry& entry) {
    const auto [first, last] = index_.equal_range(entry.hash);
    const auto at =
        std::find_if(first, last, [&](const auto& item) { return item.second.get() == &entry; });
    if (at != last) index_.erase(at);
    if (entry.value == nullptr) return;
    --stats_.entries;
    stats_.bytes -= entry.bytes;
    stats_.hits += entry.hits.total();
    recency_.erase(entry.place);
    latest_.store(recency_.empty() ? nullptr : recency_.front().get(), std::memory_order_release);
  }

  static constexpr std::size_t kMostEvicted = 4096;

  const CacheBounds bounds_;
  const Hash hash_;
  const bool in_order_;
  mutable std::mutex mutex_;
  std::condition_variable made_;
  std::unordered_multimap<std::uint64_t, std::shared_ptr<Entry>> index_;
  std::list<std::shared_ptr<Entry>> recency_;  // kept entries, the most recent first
  std::atomic<const Entry*> latest_{nullptr};  // the first of them
  std::unordered_set<std::uint64_t> evicted_;  // hashes, for messages
  std::uint64_t generation_ = 0;               // raised by clear()
  CacheStats stats_;
};

}  // namespace mlpjit::runtime
