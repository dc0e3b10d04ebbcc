#include "lib/jit/pack_cache.h"

#include <cstdint>

#include "lib/support/bytes.h"

namespace mlpjit::jit {

namespace {

// Tells the packs from whatever else is derived from a storage.
constexpr std::int64_t kPackTag = 1;

// A pack may be kept when nobody can write the weight behind our back.
bool keeps(const Argument& input) {
  const support::Storage* storage = input.storage;
  return storage != nullptr && !storage->exposed() && storage->data() == input.view.data;
}

std::shared_ptr<std::byte> allocate_shared_bytes(std::size_t bytes) {
  support::CountedMemory memory = support::make_counted(bytes);
  return {memory.release(), memory.get_deleter()};
}

// Threads start at different stripes, so that as many as there are stripes never meet.
std::size_t thread_number() {
  static std::atomic<std::size_t> next{0};
  constinit static thread_local std::size_t mine = SIZE_MAX;
  if (mine == SIZE_MAX) mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

}  // namespace

PackCache::PackCache(std::vector<Slot> slots) : slots_(std::move(slots)) {
  for (const Slot& slot : slots_) {
    const plan::PackedLayout& layout = slot.layout;
    keys_.push_back({kPackTag, layout.k, layout.n, layout.panel, layout.panel_stride,
                     static_cast<std::int64_t>(layout.dtype)});
  }
  for (Stripe& stripe : stripes_) stripe.entries.resize(slots_.size());
}

PackCache::~PackCache() = default;

std::size_t PackCache::scratch_bytes(std::span<const Argument> inputs) const {
  std::size_t bytes = 0;
  for (const Slot& slot : slots_) {
    if (!keeps(inputs[slot.input])) bytes += support::aligned_size(slot.layout.bytes());
  }
  return bytes;
}

PackCache::Lease::Lease(PackCache& cache) : cache_(cache) {
  if (cache.slots_.empty()) return;
  const std::size_t start = thread_number();
  for (std::size_t i = 0; i < kStripes; ++i) {
    Stripe& stripe = cache.stripes_[(start + i) % kStripes];
    if (stripe.take()) {
      stripe_ = &stripe;
      return;
    }
  }
}

PackCache::Lease::~Lease() {
  if (stripe_ != nullptr) stripe_->give_back();
}

void PackCache::Lease::fill(std::span<const Argument> inputs, void** slots,
                            std::span<std::byte> scratch) {
  for (std::size_t i = 0; i < cache_.slots_.size(); ++i) {
    const Slot& slot = cache_.slots_[i];
    const Argument& input = inputs[slot.input];
    const void* pack = nullptr;
    if (stripe_ != nullptr && keeps(input)) {
      const Entry& entry = stripe_->entries[i];
      if (entry.storage_id == input.storage->id() && entry.version == input.storage->version()) {
        pack = entry.pack.get();
      }
    }
    if (pack == nullptr) pack = refresh(i, input, scratch);
    slots[slot.slot] = const_cast<void*>(pack);
  }
}

const void* PackCache::Lease::refresh(std::size_t i, const Argument& input,
                                      std::span<std::byte>& scratch) {
  const plan::PackedLayout& layout = cache_.slots_[i].layout;
  const void* weight = input.view.data;
  if (!keeps(input)) {
    const std::size_t bytes = support::aligned_size(layout.bytes());
    std::byte* to = scratch.data();
    if (scratch.size() < bytes) {  // it was exposed just now
      held_.push_back(allocate_shared_bytes(bytes));
      to = static_cast<std::byte*>(const_cast<void*>(held_.back().get()));
    } else {
      scratch = scratch.subspan(bytes);
    }
    plan::pack(layout, weight, to);
    return to;
  }
  // Read first: should the weight change meanwhile, the next call finds another version and comes
  // here again.
  const std::uint64_t version = input.storage->version();
  std::shared_ptr<const void> pack = input.storage->derived(cache_.keys_[i], [&layout, weight] {
    std::shared_ptr<std::byte> made = allocate_shared_bytes(layout.bytes());
    plan::pack(layout, weight, made.get());
    return std::shared_ptr<const void>(std::move(made));
  });
  if (stripe_ == nullptr) return held_.emplace_back(std::move(pack)).get();
  Entry& entry = stripe_->entries[i];
  entry = {input.storage->id(), version, std::move(pack)};
  cache_.forget_older(i, entry.storage_id, version);
  return entry.pack.get();
}

// Drops older packs of a weight that idle stripes still hold; a training loop would keep kStripes
// of them.
void PackCache::forget_older(std::size_t i, std::uint64_t storage_id, std::uint64_t version) {
  for (Stripe& stripe : stripes_) {
    if (!stripe.take())
      continue;  // in use; the thread that holds it sees the new version at its next call
    Entry& entry = stripe.entries[i];
    if (entry.storage_id == storage_id && entry.version != version) entry = {};
    stripe.give_back();
  }
}

}  // namespace mlpjit::jit
