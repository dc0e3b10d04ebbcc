#include "lib/jit/cache.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <future>
#include <thread>
#include <vector>

#include "lib/codegen/abi.h"
#include "lib/ir/text.h"
#include "mlpjit/error.h"
#include "mlpjit/version.h"

namespace mlpjit::jit {

CacheKey make_key(const ir::Graph& graph, const Settings& settings) {
  CacheKey key;
  key.content = ir::canonical(graph);
  key.backend = settings.backend;
  key.passes = settings.passes;
  key.target = plan::make_target(settings.isa);
  // LLVM's version stands in the library that is opened once per process; it cannot differ within
  // one cache.
  key.versions = fmt::format("mlpjit {} numerics {} abi {}", MLPJIT_VERSION, kNumericsVersion,
                             codegen::kAbiVersion);
  return key;
}

std::uint64_t hash(const CacheKey& key) {
  // The long text is hashed as it stands; the rest decides the seed.
  const PassOptions& passes = key.passes;
  const std::string rest = fmt::format(
      "{} {}{}{}{}{}{} {} {} {} {}", static_cast<int>(key.backend), passes.inline_calls,
      passes.fold, passes.simplify, passes.cse, passes.eliminate_dead_values, passes.fuse,
      plan::to_string(key.target), key.training, key.options, key.versions);
  const XXH64_hash_t seed = XXH3_64bits(rest.data(), rest.size());
  return XXH3_64bits_withSeed(key.content.data(), key.content.size(), seed);
}

struct ExecutableCache::Entry {
  CacheKey key;
  std::uint64_t hash = 0;
  std::thread::id maker;  // who compiles it, until it is complete
  std::promise<Pointer> promise;
  std::shared_future<Pointer> result = promise.get_future().share();
  Pointer executable;  // null until complete; under the lock
  std::size_t bytes = 0;
  std::list<std::shared_ptr<Entry>>::iterator place;  // in recency_, when complete
};

ExecutableCache::ExecutableCache(CacheBounds bounds, Hash hash)
    : bounds_(bounds), hash_(std::move(hash)) {}

std::shared_ptr<ExecutableCache::Entry> ExecutableCache::find(std::uint64_t hash,
                                                              const CacheKey& key) const {
  const auto [first, last] = index_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (it->second->key == key) return it->second;
  }
  return nullptr;
}

ExecutableCache::Pointer ExecutableCache::get(const CacheKey& key,
                                              const std::function<Pointer()>& make) {
  const std::uint64_t hash = hash_(key);
  std::shared_ptr<Entry> entry;
  std::shared_future<Pointer> pending;
  {
    const std::lock_guard lock(mutex_);
    entry = find(hash, key);
    if (entry == nullptr) {
      entry = std::make_shared<Entry>();
      entry->key = key;
      entry->hash = hash;
      entry->maker = std::this_thread::get_id();
      index_.emplace(hash, entry);
      ++stats_.misses;
    } else {
      ++stats_.hits;
      if (entry->executable != nullptr) {
        recency_.splice(recency_.begin(), recency_, entry->place);
        return entry->executable;
      }
      if (entry->maker == std::this_thread::get_id()) {
        throw InternalError("compiling an executable asked the cache for that very executable");
      }
      pending = entry->result;
    }
  }
  return pending.valid() ? pending.get() : build(entry, make);
}

ExecutableCache::Pointer ExecutableCache::build(const std::shared_ptr<Entry>& entry,
                                                const std::function<Pointer()>& make) {
  Pointer executable;
  try {
    executable = make();
    if (executable == nullptr) throw InternalError("compiling gave no executable");
  } catch (...) {
    fail(*entry);  // before the waiters wake, so that whoever asks next tries again
    entry->promise.set_exception(std::current_exception());
    throw;
  }
  publish(entry, executable);
  entry->promise.set_value(executable);
  return executable;
}

void ExecutableCache::publish(const std::shared_ptr<Entry>& entry, const Pointer& executable) {
  std::vector<std::shared_ptr<Entry>> evicted;  // freed after the lock is gone
  const std::lock_guard lock(mutex_);
  entry->executable = executable;
  entry->bytes = executable->bytes() + sizeof(Entry) + entry->key.content.size();
  recency_.push_front(entry);
  entry->place = recency_.begin();
  ++stats_.compiles;
  ++stats_.entries;
  stats_.bytes += entry->bytes;
  while (over_bounds() && recency_.size() > 1) {
    evicted.push_back(recency_.back());
    erase(*recency_.back());
    ++stats_.evictions;
  }
}

void ExecutableCache::fail(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  erase(entry);
  ++stats_.failures;
}

void ExecutableCache::erase(const Entry& entry) {
  const auto [first, last] = index_.equal_range(entry.hash);
  for (auto it = first; it != last; ++it) {
    if (it->second.get() != &entry) continue;
    if (entry.executable != nullptr) {
      --stats_.entries;
      stats_.bytes -= entry.bytes;
      const auto place = entry.place;
      index_.erase(it);
      recency_.erase(place);  // last: it may hold the entry
    } else {
      index_.erase(it);
    }
    return;
  }
}

bool ExecutableCache::over_bounds() const {
  return stats_.entries > bounds_.max_entries || stats_.bytes > bounds_.max_bytes;
}

ExecutableCache::Pointer ExecutableCache::peek(const CacheKey& key) const {
  const std::uint64_t hash = hash_(key);
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Entry> entry = find(hash, key);
  return entry == nullptr ? nullptr : entry->executable;
}

void ExecutableCache::clear() {
  std::list<std::shared_ptr<Entry>> dropped;  // freed after the lock is gone
  const std::lock_guard lock(mutex_);
  while (!recency_.empty()) {
    dropped.push_back(recency_.front());
    erase(*dropped.back());
  }
}

CacheStats ExecutableCache::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace mlpjit::jit
