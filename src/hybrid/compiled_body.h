#pragma once
// The compiled functions that hybridize() keeps for the body of a C++ object.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "src/hybrid/cached_function.h"

namespace mlpjit::detail {

// The compiled function of one C++ object's body, as long as no options and no members of any block
// change.
struct CompiledReady {
  std::shared_ptr<CachedFunction> function;
  std::uint64_t options_version = 0;
  std::uint64_t epoch = 0;
  std::uint64_t structure = 0;  // counts the fingerprints seen
};

// What was compiled from one C++ object's body.
struct CompiledBody {
  std::mutex mutex;  // guards the rest
  std::shared_ptr<const CompiledReady> ready;
  std::vector<std::uint64_t> fingerprint;  // ids and versions of the tree
  // The same, found without the mutex, within a Snapshot.
  std::atomic<const CompiledReady*> glance{nullptr};
};

}  // namespace mlpjit::detail
