#include "lib/support/memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <new>
#include <string>

#include "lib/support/bytes.h"
#include "mlpjit/error.h"

namespace mlpjit::support {

namespace {

constexpr std::align_val_t kBlockAlignment{kAlignment};
std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};

void raise_peak(std::size_t live) {
  std::size_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

std::byte* allocate_block(std::size_t bytes) {
  try {
    return static_cast<std::byte*>(
        ::operator new(std::max<std::size_t>(bytes, 1), kBlockAlignment));
  } catch (const std::bad_alloc&) {
    throw MemoryError("no memory for " + std::to_string(bytes) + " bytes of tensors");
  }
}

void free_block(std::byte* data) noexcept {
  ::operator delete(data, kBlockAlignment);
}

// Small blocks a thread freed and will soon want again: an op on a small tensor costs mostly its
// allocations, and aligned ones are the dearest. Classes of 64, 128, ... 4096 bytes, a few blocks
// each. Not under the address sanitizer, from which reuse would hide errors.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kLargestSmall = 0;
#else
constexpr std::size_t kLargestSmall = 4096;
#endif
constexpr std::size_t kClasses = 7;
constexpr std::size_t kKept = 16;

std::size_t class_of(std::size_t bytes) {
  return bytes <= 64 ? 0 : static_cast<std::size_t>(std::bit_width(bytes - 1)) - 6;
}

thread_local bool blocks_gone = false;  // tensors of static lifetime outlive the thread's blocks

struct SmallBlocks {
  std::array<std::array<std::byte*, kKept>, kClasses> blocks;
  std::array<std::size_t, kClasses> counts{};
  ~SmallBlocks() {
    blocks_gone = true;
    for (std::size_t i = 0; i < kClasses; ++i) {
      for (std::size_t j = 0; j < counts[i]; ++j) free_block(blocks[i][j]);
    }
  }
};
thread_local SmallBlocks small_blocks;

std::byte* allocate_small(std::size_t bytes) {
  const std::size_t i = class_of(bytes);
  if (!blocks_gone && small_blocks.counts[i] > 0)
    return small_blocks.blocks[i][--small_blocks.counts[i]];
  return allocate_block(std::size_t{64} << i);
}

void free_small(std::byte* data, std::size_t bytes) noexcept {
  const std::size_t i = class_of(bytes);
  if (!blocks_gone && small_blocks.counts[i] < kKept) {
    small_blocks.blocks[i][small_blocks.counts[i]++] = data;
  } else {
    free_block(data);
  }
}

}  // namespace

MemoryStats memory_stats() {
  return {live_bytes.load(std::memory_order_relaxed), peak_bytes.load(std::memory_order_relaxed)};
}

void reset_peak_memory() {
  peak_bytes.store(live_bytes.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

std::byte* allocate_counted(std::size_t bytes) {
  std::byte* data = bytes <= kLargestSmall ? allocate_small(bytes) : allocate_block(bytes);
  raise_peak(live_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes);
  return data;
}

void free_counted(std::byte* data, std::size_t bytes) noexcept {
  if (data == nullptr) return;
  live_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  if (bytes <= kLargestSmall) {
    free_small(data, bytes);
  } else {
    free_block(data);
  }
}

}  // namespace mlpjit::support
