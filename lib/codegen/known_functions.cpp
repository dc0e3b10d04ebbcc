#include "lib/codegen/known_functions.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/codegen/abi.h"
#include "mlpjit/version.h"
#include "mlpjit_build_id.h"

namespace mlpjit::codegen {
namespace {

// Objects that nobody else has: so many, with none of them larger itself.
constexpr std::size_t kMostRecent = 32, kMostBytes = std::size_t{128} << 10;

// Names of objects that nobody has go when they may be as many as the others, and more than this.
constexpr std::size_t kFewNames = 256;

}  // namespace

std::string symbol_of(std::string_view kind, std::string_view form, const plan::Target& target) {
  const std::string all = fmt::format("{} {} {} {} {} {} {}", kBuildId, kAbiVersion,
                                      kNumericsVersion, plan::to_string(target), target.rounding,
                                      static_cast<int>(target.permutes), form);
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
  return fmt::format("{}.{:016x}{:016x}", kind, hash.high64, hash.low64);
}

std::shared_ptr<const object::Object> KnownFunctions::find(const std::string& symbol) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(symbol);
  return found == objects_.end() ? nullptr : found->second.lock();
}

void KnownFunctions::add(const std::vector<std::string>& symbols,
                         std::shared_ptr<const object::Object> object) {
  if (symbols.empty()) return;
  std::shared_ptr<const object::Object> oldest;  // freed without the lock
  const std::lock_guard lock(mutex_);
  // Who comes second keeps its own.
  for (const std::string& symbol : symbols) {
    std::weak_ptr<const object::Object>& known = objects_[symbol];
    if (known.expired()) known = object;
  }
  if (object->bytes.size() <= kMostBytes) recent_.push_back(std::move(object));
  if (recent_.size() > kMostRecent) {
    oldest = std::move(recent_.front());
    recent_.pop_front();
  }
  forget_freed();
}

void KnownFunctions::forget_freed() {
  if (objects_.size() < std::max(kFewNames, 2 * looked_through_)) return;
  std::erase_if(objects_, [](const auto& entry) { return entry.second.expired(); });
  looked_through_ = objects_.size();
}

}  // namespace mlpjit::codegen
