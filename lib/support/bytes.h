#pragma once
// Bytes of tensors and of their places in memory.

#include <cstddef>

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

}  // namespace mlpjit::support
