#pragma once
// Memory of tensors, counted.

#include <cstddef>
#include <memory>

namespace mlpjit::support {

// Bytes of tensors alive now, and at most since the last reset, over all threads. Where several
// threads allocate small blocks the most may be missed by a few dozen of them.
struct MemoryStats {
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
};
MemoryStats memory_stats();
void reset_peak_memory();  // the peak starts again from what is live

// 64-byte aligned memory, counted in memory_stats(); throws MemoryError.
std::byte* allocate_counted(std::size_t bytes);
void free_counted(std::byte* data, std::size_t bytes) noexcept;

// What this thread may allocate so within a scope, all in all, with what stands around each block:
// freeing gives nothing back. Beyond it allocate_counted() throws MemoryError. For what bytes from
// elsewhere ask for.
class AllocationBudget {
 public:
  explicit AllocationBudget(std::size_t& left);
  ~AllocationBudget();
  AllocationBudget(const AllocationBudget&) = delete;
  AllocationBudget& operator=(const AllocationBudget&) = delete;

 private:
  std::size_t* outer_;
};

// Such memory, freed with its owner.
struct FreeCounted {
  std::size_t bytes = 0;
  void operator()(std::byte* data) const noexcept { free_counted(data, bytes); }
};
using CountedMemory = std::unique_ptr<std::byte[], FreeCounted>;
inline CountedMemory make_counted(std::size_t bytes) {
  return {allocate_counted(bytes), FreeCounted{bytes}};
}

// Memory that is not counted, aligned to kApart: for objects made at every call. The thread keeps
// what it freed, so that a call takes the same memory again, and what it writes there lies beside
// nothing that other threads use. Throws MemoryError.
void* allocate_recycled(std::size_t bytes);
void free_recycled(void* data, std::size_t bytes) noexcept;

template <class T>
struct RecycledAllocator {
  using value_type = T;
  RecycledAllocator() = default;
  template <class U>
  RecycledAllocator(const RecycledAllocator<U>& /*other*/) {}  // NOLINT: allocators convert
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_recycled(n * sizeof(T))); }
  void deallocate(T* data, std::size_t n) noexcept { free_recycled(data, n * sizeof(T)); }
  friend bool operator==(RecycledAllocator /*a*/, RecycledAllocator /*b*/) { return true; }
};

}  // namespace mlpjit::support
