#pragma once
// A count that many threads raise at once, each at a place of its own.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lib/support/cache_line.h"

namespace mlpjit::support {

class Tally {
 public:
  void add() noexcept { places_[place()].count.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const Place& each : places_) sum += each.count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr std::size_t kPlaces = 8;
  struct alignas(kApart) Place {
    std::atomic<std::uint64_t> count{0};
  };

  static std::size_t place() noexcept {
    static constinit std::atomic<std::size_t> threads{0};
    constinit static thread_local std::size_t mine = 0;  // 1 + its place
    if (mine == 0) mine = 1 + threads.fetch_add(1, std::memory_order_relaxed) % kPlaces;
    return mine - 1;
  }

  std::array<Place, kPlaces> places_;
};

}  // namespace mlpjit::support
