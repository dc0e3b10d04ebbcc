#pragma once
// Counts the allocations of each thread: replaces operator new of the whole program, so one source
// of a program includes it. Not under a sanitizer, which has one of its own.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace mlpjit::test {

inline thread_local std::size_t allocations = 0;

inline void* counted(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded =
      (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(rounded)
                           : std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace mlpjit::test

#if defined(MLPJIT_TEST_SANITIZED)
#define MLPJIT_TEST_COUNTS_ALLOCATIONS() \
  GTEST_SKIP() << "allocations are not counted under a sanitizer"
#else
#define MLPJIT_TEST_COUNTS_ALLOCATIONS() static_cast<void>(0)

// Those for arrays, and those that do not throw, call these.
void* operator new(std::size_t bytes) {
  return mlpjit::test::counted(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return mlpjit::test::counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
#endif
