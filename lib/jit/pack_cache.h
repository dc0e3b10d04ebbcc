#pragma once
// Where an executable remembers which packed copy belongs to which weight. Storage::derived owns
// the packs, one per version of a weight for everybody, behind a mutex; here a call finds the same
// pack again without a lock it could wait for. There are a few stripes; a call takes a free one for
// as long as it runs, so what it reads stays alive.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/jit/executable.h"
#include "lib/plan/plan.h"

namespace mlpjit::jit {

class PackCache {
  struct Stripe;

 public:
  // One packed slot: which input it is made from, and how.
  struct Slot {
    std::uint32_t slot = 0, input = 0;
    plan::PackedLayout layout;
  };

  explicit PackCache(std::vector<Slot> slots);
  ~PackCache();

  // Bytes of scratch that fill() wants for weights whose packs cannot be kept.
  std::size_t scratch_bytes(std::span<const Argument> inputs) const;

  // For the length of one call.
  class Lease {
   public:
    explicit Lease(PackCache& cache);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    // Sets slots[...] of every packed slot. `scratch` is 64-byte aligned.
    void fill(std::span<const Argument> inputs, void** slots, std::span<std::byte> scratch);

   private:
    const void* refresh(std::size_t i, const Argument& input, std::span<std::byte>& scratch);

    PackCache& cache_;
    Stripe* stripe_ = nullptr;                       // null: all are taken
    std::vector<std::shared_ptr<const void>> held_;  // packs that no stripe holds
  };

 private:
  // The pack of one slot as a thread saw it last.
  struct Entry {
    std::uint64_t storage_id = 0, version = 0;
    std::shared_ptr<const void> pack;
  };
  struct alignas(64) Stripe {
    std::atomic<bool> taken{false};
    std::vector<Entry> entries;

    bool take() {
      return !taken.load(std::memory_order_relaxed) &&
             !taken.exchange(true, std::memory_order_acquire);
    }
    void give_back() { taken.store(false, std::memory_order_release); }
  };

  void forget_older(std::size_t i, std::uint64_t storage_id, std::uint64_t version);

  static constexpr std::size_t kStripes = 8;
  const std::vector<Slot> slots_;
  std::vector<std::vector<std::int64_t>> keys_;  // of Storage::derived
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace mlpjit::jit
