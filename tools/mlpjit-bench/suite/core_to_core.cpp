#include "tools/mlpjit-bench/suite/core_to_core.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <thread>

#include "lib/support/cache_line.h"

namespace mlpjit::bench {
namespace {

constexpr int kMostLines = 64, kBatches = 100, kTrips = 1000;

// One way: lines, then the number of the trip.
struct Mailbox {
  struct alignas(support::kApart) Line {
    std::atomic<std::uint64_t> word{0};
  };
  std::array<Line, kMostLines> lines;
  Line flag;

  void send(std::uint64_t trip, int count) {
    for (int i = 0; i < count; ++i)
      lines[static_cast<std::size_t>(i)].word.store(trip, std::memory_order_relaxed);
    flag.word.store(trip, std::memory_order_release);
  }
  void receive(std::uint64_t trip, int count) {
    while (flag.word.load(std::memory_order_acquire) != trip) {
    }
    std::uint64_t sum = 0;
    for (int i = 0; i < count; ++i)
      sum += lines[static_cast<std::size_t>(i)].word.load(std::memory_order_relaxed);
    seen.store(sum, std::memory_order_relaxed);
  }

 private:
  alignas(support::kApart) std::atomic<std::uint64_t> seen{0};
};

}  // namespace

double round_trip_ns(int lines) {
  if (std::thread::hardware_concurrency() < 2) return 0;
  lines = std::min(lines, kMostLines);
  Mailbox there, back;
  std::thread other([&] {
    for (std::uint64_t trip = 1; trip <= std::uint64_t{kBatches} * kTrips; ++trip) {
      there.receive(trip, lines);
      back.send(trip, lines);
    }
  });
  double best = std::numeric_limits<double>::max();
  std::uint64_t trip = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kTrips; ++i) {
      there.send(++trip, lines);
      back.receive(trip, lines);
    }
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count() / kTrips);
  }
  other.join();
  return best;
}

}  // namespace mlpjit::bench
