#pragma once
// Executables by what they were made from. Found by a hash, taken only when the whole key is equal;
// one compile per key however many threads ask; bounded in entries and bytes, least recently used
// out. An object, not a global.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "lib/jit/executable.h"
#include "lib/plan/target.h"
#include "mlpjit/options.h"

namespace mlpjit::jit {

// All that an executable depends on. No weight values: weights are arguments.
struct CacheKey {
  std::string content;  // canonical text of the graph, shapes and dtypes included
  Backend backend = Backend::native;
  PassOptions passes;
  plan::Target target;
  bool training = false;
  std::string options;   // whatever else the caller lets results or code depend on
  std::string versions;  // mlpjit, numerics, ABI of generated code

  friend bool operator==(const CacheKey&, const CacheKey&) = default;
};
// The key of compiling `graph` by `settings`, with this build's versions. Names of layers and
// inputs are no part of it: an executable that is found has those of the graph it was made from.
CacheKey make_key(const ir::Graph& graph, const Settings& settings);
std::uint64_t hash(const CacheKey& key);  // XXH3

struct CacheStats {
  std::uint64_t hits = 0;  // found, or waited for another thread's compile
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

class ExecutableCache {
 public:
  using Pointer = std::shared_ptr<const Executable>;
  using Hash = std::function<std::uint64_t(const CacheKey&)>;

  // `hash` is for tests that want collisions.
  explicit ExecutableCache(CacheBounds bounds = {}, Hash hash = jit::hash);
  ExecutableCache(const ExecutableCache&) = delete;
  ExecutableCache& operator=(const ExecutableCache&) = delete;

  // The executable of `key`; `make` runs without a lock, in one thread per key, and the others wait
  // for it. What it throws reaches all who waited, and the next to ask tries again. The newest
  // entry stays whatever its size.
  Pointer get(const CacheKey& key, const std::function<Pointer()>& make);
  // The executable, or null when it is not there yet; counted nowhere, and no newer for it.
  Pointer peek(const CacheKey& key) const;
  void clear();  // running executables live on by their pointers
  CacheStats stats() const;

 private:
  struct Entry;
  using Index = std::unordered_multimap<std::uint64_t, std::shared_ptr<Entry>>;

  std::shared_ptr<Entry> find(std::uint64_t hash, const CacheKey& key) const;  // under the lock
  Pointer build(const std::shared_ptr<Entry>& entry, const std::function<Pointer()>& make);
  void publish(const std::shared_ptr<Entry>& entry, const Pointer& executable);
  void fail(const Entry& entry);
  void erase(const Entry& entry);  // under the lock
  bool over_bounds() const;        // under the lock

  const CacheBounds bounds_;
  const Hash hash_;
  mutable std::mutex mutex_;
  Index index_;
  std::list<std::shared_ptr<Entry>> recency_;  // complete entries, the most recent first
  CacheStats stats_;
};

}  // namespace mlpjit::jit
