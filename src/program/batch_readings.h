#pragma once
// One program with a symbolic batch size serves every size: which sizes of a call it is.

#include <cstdint>
#include <span>
#include <vector>

#include "src/program/signature.h"

namespace mlpjit::detail {

// Which arguments have the batch size on axis 0. The first that has axes does; others of that size
// there may, or may have happened to have it: the ways to read it, the likeliest first. None where
// no argument has axes.
std::vector<std::vector<bool>> batch_readings(std::span<const Shape> shapes);

// One such way: the batch size, and the signature with the symbol B in its place.
struct BatchSignature {
  std::int64_t size = 0;
  Signature signature;
};
std::vector<BatchSignature> with_symbolic_batch(const Signature& signature);

}  // namespace mlpjit::detail
