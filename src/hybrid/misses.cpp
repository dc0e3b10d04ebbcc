#include "src/hybrid/misses.h"

#include <algorithm>
#include <vector>

#include "mlpjit/error.h"
#include "src/core/path.h"

namespace mlpjit::detail {
namespace {

// The signature that a call fails the fewest guards of, the latest of equals; null when there are
// none.
const Signature* nearest(std::span<const Signature* const> known, const Signature& called) {
  const Signature* best = nullptr;
  std::size_t fewest = SIZE_MAX;
  for (const Signature* signature : known) {
    const std::size_t failed = failed_guards(*signature, called).size();
    if (failed < fewest) best = signature;
    fewest = std::min(fewest, failed);
  }
  return best;
}

}  // namespace

// Why the call finds no program, though one for `before` was there.
std::string Misses::reason_after(const Signature& before, bool there,
                                 const MissedCall& call) const {
  const std::vector<std::string> guards = failed_guards(before, call.signature);
  if (!guards.empty()) return guards.front();
  if (!call.lost.empty()) {
    return call.lost +
           ": the function does not hold the tensor that it was traced with any more: its variable "
           "was assigned another one";
  }
  if (call.evicted) return {};
  return there ? "storage: arguments and captured tensors are not the same tensors as before"
               : "the programs were cleared";
}

std::string Misses::note(const MissedCall& call, std::span<const Signature* const> known) {
  const std::lock_guard lock(mutex_);
  const Signature* before = nearest(known, call.signature);
  if (before == nullptr && forgotten_) before = &*forgotten_;
  std::string reason = "first call";
  if (before != nullptr) reason = reason_after(*before, !known.empty(), call);
  const std::string guard = reason;
  if (call.evicted) {
    reason += (reason.empty() ? "" : "; ") + std::string("its program made room for others") +
              " (max_entries is " + std::to_string(options_.max_entries) + ", max_bytes " +
              std::to_string(options_.max_bytes) + ")";
  }
  report_.last_miss = reason;
  // Clearing asks for new programs, changing the block does not.
  const bool asked_for =
      before == nullptr || (known.empty() && before->structure == call.signature.structure);
  if (asked_for) return {};
  const bool again = !call.lost.empty() && !lost_.insert(call.lost).second;
  if (options_.on_recompile == OnRecompile::allow) {
    if (!again || !warned_.insert("again " + call.lost).second) return {};
    return path_prefix() + name_ + ": " + reason +
           ", again: each time the function is traced and compiled anew. Write "
           "variable.assign(value), which changes what the tensor holds and is seen at the next "
           "call";
  }
  const std::string message = path_prefix() + name_ + ": a call needs a new compile: " + reason;
  if (options_.on_recompile == OnRecompile::error)
    throw UserError(message + " (on_recompile is error)");
  return warned_.insert(guard).second ? message : std::string();
}

void Misses::forget(const Signature& latest) {
  const std::lock_guard lock(mutex_);
  forgotten_ = latest;
}

void Misses::failed(const std::string& message) {
  const std::lock_guard lock(mutex_);
  ++report_.failures;
  report_.last_failure = message;
}

Misses::Report Misses::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

}  // namespace mlpjit::detail
