#pragma once
// Bytes of tensors and of their places in memory.

#include <cstddef>
#include <cstdint>

#include "mlpjit/shape.h"

namespace mlpjit::support {

// What mlpjit makes begins on a cache line.
inline constexpr std::size_t kAlignment = 64;

// As many bytes or more: whole cache lines.
constexpr std::size_t aligned_size(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Bytes of a tensor. Throws ShapeError where they are more than 2^63 - 1, TraceError where a size
// is symbolic.
std::size_t byte_size(DType dtype, const Shape& shape);

// Whether two ranges have a byte in common. Of any memory: pointers into different objects have no
// order, addresses have.
inline bool bytes_overlap(const void* a, std::size_t a_bytes, const void* b,
                          std::size_t b_bytes) noexcept {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a);
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b);
  return a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes && a_bytes != 0 && b_bytes != 0;
}

}  // namespace mlpjit::support
