#pragma once
// Counts the allocations of each thread: replaces operator new of the whole program, so one source
// of a program includes it.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace mlpjit::test {

inline thread_local std::size_t allocations = 0;

inline void* counted_or_null(std::size_t bytes, std::size_t alignment) noexcept {
  ++allocations;
  const std::size_t rounded =
      (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  return alignment <= alignof(std::max_align_t) ? std::malloc(rounded)
                                                : std::aligned_alloc(alignment, rounded);
}

inline void* counted(std::size_t bytes, std::size_t alignment) {
  void* const memory = counted_or_null(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace mlpjit::test

// Those for arrays and most of delete's call these. Not so under a sanitizer, whose own stand for
// what is not replaced.
// NOLINTBEGIN: names of the standard
#define MLPJIT_TEST_NEW(name)                                                         \
  void* operator name(std::size_t bytes) {                                            \
    return mlpjit::test::counted(bytes, 1);                                           \
  }                                                                                   \
  void* operator name(std::size_t bytes, std::align_val_t alignment) {                \
    return mlpjit::test::counted(bytes, static_cast<std::size_t>(alignment));         \
  }                                                                                   \
  void* operator name(std::size_t bytes, const std::nothrow_t&) noexcept {            \
    return mlpjit::test::counted_or_null(bytes, 1);                                   \
  }                                                                                   \
  void* operator name(std::size_t bytes, std::align_val_t alignment,                  \
                      const std::nothrow_t&) noexcept {                               \
    return mlpjit::test::counted_or_null(bytes, static_cast<std::size_t>(alignment)); \
  }
#define MLPJIT_TEST_DELETE(name)                                                       \
  void operator name(void* memory) noexcept {                                          \
    std::free(memory);                                                                 \
  }                                                                                    \
  void operator name(void* memory, std::size_t) noexcept {                             \
    std::free(memory);                                                                 \
  }                                                                                    \
  void operator name(void* memory, std::align_val_t) noexcept {                        \
    std::free(memory);                                                                 \
  }                                                                                    \
  void operator name(void* memory, const std::nothrow_t&) noexcept {                   \
    std::free(memory);                                                                 \
  }                                                                                    \
  void operator name(void* memory, std::size_t, std::align_val_t) noexcept {           \
    std::free(memory);                                                                 \
  }                                                                                    \
  void operator name(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { \
    std::free(memory);                                                                 \
  }
MLPJIT_TEST_NEW(new)
MLPJIT_TEST_NEW(new[])
MLPJIT_TEST_DELETE(delete)
MLPJIT_TEST_DELETE(delete[])
// NOLINTEND
#undef MLPJIT_TEST_NEW
#undef MLPJIT_TEST_DELETE
