#pragma once
// One program for each batch size, or one for all: what HybridizeOptions::batch and
// dynamic_batch_after ask for, and what was learnt of the function.

#include <cstdint>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "mlpjit/options.h"
#include "src/program/batch_readings.h"

namespace mlpjit::detail {

// Safe from any thread. Its lock is the last of those that a call takes: nothing is called under
// it.
class BatchPolicy {
 public:
  explicit BatchPolicy(const HybridizeOptions& options) : options_(options) {}

  // Whether a call, so read, is to have the program for all batch sizes.
  bool wants_symbol(const BatchSignature& call);
  // The call got a program of its own batch size, however that is read.
  void count(std::span<const BatchSignature> readings);
  // One program cannot serve all calls that are so read, and why.
  void refuse(const BatchSignature& call, std::string reason);
  // Sizes were taken for one that only happened to be equal: another reading has a program.
  void misread(std::span<const BatchSignature> readings);
  void clear();
  // Why batch sizes have programs of their own though one for all was tried; "": none was refused.
  std::string refusal() const;

 private:
  // Calls that differ in the batch size only.
  struct Family {
    Signature signature;           // with the symbol
    std::set<std::int64_t> sizes;  // that have programs of their own
    std::string refusal;           // "": one program can serve all, as far as known
    bool misread = false;
  };
  Family& family(const BatchSignature& call);  // under the lock

  const HybridizeOptions options_;
  mutable std::mutex mutex_;
  std::vector<Family> families_;
};

}  // namespace mlpjit::detail
