#include "lib/support/memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <new>
#include <string>
#include <utility>

#include "lib/support/bytes.h"
#include "lib/support/cache_line.h"
#include "mlpjit/error.h"

namespace mlpjit::support {

namespace {

constexpr std::align_val_t kBlockAlignment{kApart};
static_assert(kApart % kAlignment == 0);

// Each thread counts for itself, so that calls of several threads share no cache line: what it
// allocated less what it freed, which may be below zero. In a list that only grows; those of
// threads that ended are used again.
struct alignas(kApart) Counter {
  std::atomic<std::int64_t> bytes{0};
  std::atomic<bool> taken{true};
  std::int64_t unseen = 0;  // allocated since the peak was looked at
  Counter* next = nullptr;
};

constinit std::atomic<Counter*> first_counter{nullptr};
constinit std::atomic<std::int64_t> late_bytes{0};  // of threads whose counters are gone
constinit std::atomic<std::size_t> peak_bytes{0};

std::size_t live_bytes() {
  std::int64_t live = late_bytes.load(std::memory_order_relaxed);
  for (const Counter* c = first_counter.load(std::memory_order_acquire); c != nullptr; c = c->next)
    live += c->bytes.load(std::memory_order_relaxed);
  return static_cast<std::size_t>(std::max<std::int64_t>(live, 0));
}

void raise_peak(std::size_t live) {
  std::size_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

Counter* take_counter() {
  for (Counter* c = first_counter.load(std::memory_order_acquire); c != nullptr; c = c->next) {
    if (!c->taken.load(std::memory_order_relaxed) && !c->taken.exchange(true)) return c;
  }
  auto* fresh = new (std::nothrow) Counter;  // never freed: somebody may be adding up
  if (fresh == nullptr) return nullptr;
  fresh->next = first_counter.load(std::memory_order_relaxed);
  while (!first_counter.compare_exchange_weak(fresh->next, fresh)) {
  }
  return fresh;
}

// The thread's; null when the thread's objects are gone, or where there is no memory for one.
Counter* counter() {
  constinit static thread_local Counter* mine = nullptr;
  constinit static thread_local bool ended = false;
  if (mine == nullptr && !ended) [[unlikely]] {
    struct AtThreadEnd {
      ~AtThreadEnd() {
        if (mine != nullptr) mine->taken.store(false);
        mine = nullptr;
        ended = true;
      }
    };
    mine = take_counter();
    static thread_local const AtThreadEnd at_thread_end;
  }
  return mine;
}

void count(Counter* mine, std::int64_t bytes) {
  if (mine == nullptr) {
    late_bytes.fetch_add(bytes, std::memory_order_relaxed);
  } else {  // nobody else writes to it
    mine->bytes.store(mine->bytes.load(std::memory_order_relaxed) + bytes,
                      std::memory_order_relaxed);
  }
}

// Small blocks of several threads are looked at a few dozen at a time: adding up reads what other
// threads write.
void count_allocated(std::size_t bytes) {
  constexpr std::size_t kLarge = 4096;
  constexpr std::int64_t kOften = 64 * kLarge;
  Counter* mine = counter();
  count(mine, static_cast<std::int64_t>(bytes));
  if (mine != nullptr) {
    mine->unseen += static_cast<std::int64_t>(bytes);
    // Another's counter is not even looked at: it is on the line that its thread writes.
    const bool alone =
        first_counter.load(std::memory_order_acquire) == mine && mine->next == nullptr;
    if (bytes < kLarge && mine->unseen < kOften && !alone) return;
    mine->unseen = 0;
  }
  raise_peak(live_bytes());
}

std::byte* allocate_block(std::size_t bytes) {
  void* const data = ::operator new(std::max<std::size_t>(bytes, 1), kBlockAlignment, std::nothrow);
  if (data == nullptr)
    throw MemoryError("no memory for " + std::to_string(bytes) + " bytes of tensors");
  return static_cast<std::byte*>(data);
}

void free_block(std::byte* data) noexcept {
  ::operator delete(data, kBlockAlignment);
}

// Small blocks a thread freed and will soon want again: an op on a small tensor costs mostly its
// allocations, and aligned ones are the dearest. Classes of 128, 256, ... 4096 bytes, a few blocks
// each. Not under the address sanitizer, from which reuse would hide errors.
#if defined(MLPJIT_ADDRESS_SANITIZER)
constexpr std::size_t kLargestSmall = 0;
#else
constexpr std::size_t kLargestSmall = 4096;
#endif
constexpr std::size_t kClasses = 6;
constexpr std::size_t kKept = 16;

std::size_t class_of(std::size_t bytes) {
  return bytes <= kApart ? 0 : static_cast<std::size_t>(std::bit_width(bytes - 1)) - 7;
}

// On cache lines of its own: it is written at every call, and what is beside it on the heap may be
// read by other threads.
struct alignas(kApart) SmallBlocks {
  std::array<std::array<std::byte*, kKept>, kClasses> blocks;
  std::array<std::size_t, kClasses> counts{};
  ~SmallBlocks() {
    for (std::size_t i = 0; i < kClasses; ++i) {
      for (std::size_t j = 0; j < counts[i]; ++j) free_block(blocks[i][j]);
    }
  }
};
// The thread's, on the heap, since room for variables of threads is scarce. Null before the first
// block, where there is no memory for it, and at the end: tensors of static lifetime outlive it.
constinit thread_local SmallBlocks* small_blocks = nullptr;

void make_small_blocks() noexcept {
  constinit static thread_local bool ended = false;
  if (ended) return;
  struct AtThreadEnd {
    ~AtThreadEnd() {
      delete std::exchange(small_blocks, nullptr);
      ended = true;
    }
  };
  small_blocks = new (std::nothrow) SmallBlocks;
  static thread_local const AtThreadEnd at_thread_end;
}

std::byte* allocate_small(std::size_t bytes) {
  const std::size_t i = class_of(bytes);
  SmallBlocks* const own = small_blocks;
  if (own != nullptr && own->counts[i] > 0) return own->blocks[i][--own->counts[i]];
  return allocate_block(kApart << i);
}

void free_small(std::byte* data, std::size_t bytes) noexcept {
  if (small_blocks == nullptr) [[unlikely]]
    make_small_blocks();
  const std::size_t i = class_of(bytes);
  SmallBlocks* const own = small_blocks;
  if (own != nullptr && own->counts[i] < kKept) {
    own->blocks[i][own->counts[i]++] = data;
  } else {
    free_block(data);
  }
}

}  // namespace

MemoryStats memory_stats() {
  const std::size_t live = live_bytes();
  raise_peak(live);
  return {live, peak_bytes.load(std::memory_order_relaxed)};
}

void reset_peak_memory() {
  peak_bytes.store(live_bytes(), std::memory_order_relaxed);
}

void* allocate_recycled(std::size_t bytes) {
  return bytes <= kLargestSmall ? allocate_small(bytes) : allocate_block(bytes);
}

void free_recycled(void* data, std::size_t bytes) noexcept {
  if (bytes <= kLargestSmall) {
    free_small(static_cast<std::byte*>(data), bytes);
  } else {
    free_block(static_cast<std::byte*>(data));
  }
}

namespace {

constinit thread_local std::size_t* budget = nullptr;

// What stands around a block: a budget bounds very many small ones, too.
constexpr std::size_t kAround = 256;

void spend(std::size_t bytes) {
  if (bytes > *budget) {
    throw MemoryError(std::to_string(bytes) + " bytes more than may be allocated here, " +
                      std::to_string(*budget) + " are left");
  }
  *budget -= bytes;
}

}  // namespace

AllocationBudget::AllocationBudget(std::size_t& left) : outer_(std::exchange(budget, &left)) {}
AllocationBudget::~AllocationBudget() {
  budget = outer_;
}

std::byte* allocate_counted(std::size_t bytes) {
  if (budget != nullptr) [[unlikely]]
    spend(bytes > SIZE_MAX - kAround ? bytes : bytes + kAround);
  void* const data = allocate_recycled(bytes);
  count_allocated(bytes);
  return static_cast<std::byte*>(data);
}

void free_counted(std::byte* data, std::size_t bytes) noexcept {
  if (data == nullptr) return;
  count(counter(), -static_cast<std::int64_t>(bytes));
  free_recycled(data, bytes);
}

}  // namespace mlpjit::support
