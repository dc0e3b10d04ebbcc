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
#include "lib/support/huge_blocks.h"
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

std::byte* checked(void* data, std::size_t bytes) {
  if (data == nullptr)
    throw MemoryError("no memory for " + std::to_string(bytes) + " bytes of tensors");
  return static_cast<std::byte*>(data);
}

std::byte* allocate_block(std::size_t bytes) {
  return checked(::operator new(std::max<std::size_t>(bytes, 1), kBlockAlignment, std::nothrow),
                 bytes);
}

void free_block(std::byte* data) noexcept {
  ::operator delete(data, kBlockAlignment);
}

// Small blocks a thread freed and will soon want again: an op on a small tensor costs mostly its
// allocations, and aligned ones are the dearest. Classes of 128, 256, ... 4096 bytes, a few blocks
// each. Not under the address sanitizer, from which reuse would hide errors.
#if defined(MLPJIT_ADDRESS_SANITIZER)
constexpr std::size_t kLargestSmall = 0, kLargestKept = 0, kLargestOfHeap = SIZE_MAX;
#else
constexpr std::size_t kLargestSmall = 4096, kLargestKept = std::size_t{16} << 20,
                      kLargestOfHeap = kLargestKept;
#endif
constexpr std::size_t kClasses = 6;
constexpr std::size_t kKept = 16;

std::size_t class_of(std::size_t bytes) {
  return bytes <= kApart ? 0 : static_cast<std::size_t>(std::bit_width(bytes - 1)) - 7;
}

// A few larger ones: the heap would give their pages back to the system, which would have to clear
// them again for the next result of the same network. By sizes in quarters of powers of two.
class LargeBlocks {
 public:
  static std::size_t size_of(std::size_t bytes) {
    const std::size_t quarter = std::bit_floor(bytes) / 4;
    return (bytes + quarter - 1) / quarter * quarter;
  }
  ~LargeBlocks() {
    for (std::size_t i = 0; i < count_; ++i) free_block(blocks_[i].data);
  }
  // The latest; null where there is none.
  std::byte* take(std::size_t size) {
    for (std::size_t i = count_; i-- > 0;) {
      if (blocks_[i].size == size) return remove(i);
    }
    return nullptr;
  }
  // Those that have been here for longest make room.
  void put(std::byte* data, std::size_t size) noexcept {
    while (count_ == blocks_.size() || bytes_ + size > kMost) free_block(remove(0));
    blocks_[count_++] = {data, size};
    bytes_ += size;
  }

 private:
  static constexpr std::size_t kMost = std::size_t{32} << 20;
  struct Block {
    std::byte* data = nullptr;
    std::size_t size = 0;
  };

  std::byte* remove(std::size_t i) {
    const Block block = blocks_[i];
    std::copy(blocks_.begin() + i + 1, blocks_.begin() + count_, blocks_.begin() + i);
    --count_;
    bytes_ -= block.size;
    return block.data;
  }

  std::array<Block, 8> blocks_;  // the oldest first
  std::size_t count_ = 0, bytes_ = 0;
};

// On cache lines of its own: it is written at every call, and what is beside it on the heap may be
// read by other threads.
struct alignas(kApart) KeptBlocks {
  std::array<std::array<std::byte*, kKept>, kClasses> blocks;
  std::array<std::size_t, kClasses> counts{};
  LargeBlocks large;
  ~KeptBlocks() {
    for (std::size_t i = 0; i < kClasses; ++i) {
      for (std::size_t j = 0; j < counts[i]; ++j) free_block(blocks[i][j]);
    }
  }
};
// The thread's, on the heap, since room for variables of threads is scarce. Null before the first
// block, where there is no memory for it, and at the end: tensors of static lifetime outlive it.
constinit thread_local KeptBlocks* kept_blocks = nullptr;

void make_kept_blocks() noexcept {
  constinit static thread_local bool ended = false;
  if (ended) return;
  struct AtThreadEnd {
    ~AtThreadEnd() {
      delete std::exchange(kept_blocks, nullptr);
      ended = true;
    }
  };
  kept_blocks = new (std::nothrow) KeptBlocks;
  static thread_local const AtThreadEnd at_thread_end;
}

std::byte* allocate_small(std::size_t bytes) {
  const std::size_t i = class_of(bytes);
  KeptBlocks* const own = kept_blocks;
  if (own != nullptr && own->counts[i] > 0) return own->blocks[i][--own->counts[i]];
  return allocate_block(kApart << i);
}

void free_small(std::byte* data, std::size_t bytes) noexcept {
  if (kept_blocks == nullptr) [[unlikely]]
    make_kept_blocks();
  const std::size_t i = class_of(bytes);
  KeptBlocks* const own = kept_blocks;
  if (own != nullptr && own->counts[i] < kKept) {
    own->blocks[i][own->counts[i]++] = data;
  } else {
    free_block(data);
  }
}

std::byte* allocate_large(std::size_t bytes) {
  const std::size_t size = LargeBlocks::size_of(bytes);
  if (kept_blocks != nullptr) {
    if (std::byte* const kept = kept_blocks->large.take(size)) return kept;
  }
  return allocate_block(size);
}

void free_large(std::byte* data, std::size_t bytes) noexcept {
  if (kept_blocks == nullptr) [[unlikely]]
    make_kept_blocks();
  if (kept_blocks != nullptr)
    kept_blocks->large.put(data, LargeBlocks::size_of(bytes));
  else
    free_block(data);
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
  if (bytes <= kLargestSmall) return allocate_small(bytes);
  if (bytes <= kLargestKept) return allocate_large(bytes);
  return bytes <= kLargestOfHeap ? allocate_block(bytes) : checked(allocate_huge(bytes), bytes);
}

void free_recycled(void* data, std::size_t bytes) noexcept {
  if (bytes <= kLargestSmall) {
    free_small(static_cast<std::byte*>(data), bytes);
  } else if (bytes <= kLargestKept) {
    free_large(static_cast<std::byte*>(data), bytes);
  } else if (bytes <= kLargestOfHeap) {
    free_block(static_cast<std::byte*>(data));
  } else {
    free_huge(static_cast<std::byte*>(data), bytes);
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
