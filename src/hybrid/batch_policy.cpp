#include "src/hybrid/batch_policy.h"

#include <utility>

namespace mlpjit::detail {

BatchPolicy::Family& BatchPolicy::family(const BatchSignature& call) {
  for (Family& known : families_) {
    if (known.signature == call.signature) return known;
  }
  if (families_.size() > options_.max_entries) families_.erase(families_.begin());
  return families_.emplace_back(Family{call.signature, {}, {}});
}

bool BatchPolicy::wants_symbol(const BatchSignature& call) {
  const int after = options_.dynamic_batch_after;
  const std::lock_guard lock(mutex_);
  const Family& mine = family(call);
  if (!mine.refusal.empty()) return false;
  if (options_.batch == Batch::dynamic) return true;
  return after > 0 && mine.sizes.size() >= static_cast<std::size_t>(after) &&
         !mine.sizes.contains(call.size);
}

void BatchPolicy::count(std::span<const BatchSignature> readings) {
  const int after = options_.dynamic_batch_after;
  if (after <= 0 || options_.batch == Batch::dynamic) return;
  const std::lock_guard lock(mutex_);
  for (const BatchSignature& call : readings) {
    Family& mine = family(call);
    if (mine.sizes.size() < static_cast<std::size_t>(after)) mine.sizes.insert(call.size);
  }
}

void BatchPolicy::refuse(const BatchSignature& call, std::string reason) {
  const std::lock_guard lock(mutex_);
  family(call).refusal = std::move(reason);
}

void BatchPolicy::misread(std::span<const BatchSignature> readings) {
  const std::lock_guard lock(mutex_);
  for (const BatchSignature& call : readings) family(call).misread = true;
}

void BatchPolicy::clear() {
  const std::lock_guard lock(mutex_);
  families_.clear();
}

std::string BatchPolicy::refusal() const {
  const std::lock_guard lock(mutex_);
  std::string latest;
  for (const Family& family : families_) {
    if (!family.refusal.empty() && !family.misread) latest = family.refusal;
  }
  return latest;
}

}  // namespace mlpjit::detail
