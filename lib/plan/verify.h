#pragma once
// The verifier of plans: invariants that every plan keeps to, whoever made it.

#include <string>

#include "lib/plan/plan.h"

namespace mlpjit::plan {

// The first fault, or "". Sizes that depend on the batch are looked at for a few batch sizes.
//
// - Slots stand in the order of their kinds, one for each input, output and update that is no
//   token; their indices exist.
// - A view has the memory of its root. Memory of the workspace lies in it, at multiples of 64
//   bytes; no two buffers that are alive at one step share a byte.
// - A step uses buffers that are alive then, and writes to no input, constant or packed weight. The
//   steps of its regions stand right behind a control step. Each output is written.
// - No access leaves its buffer; accesses have a stride per loop, and bodies an argument per
//   access.
// - A body computes element-wise ops, each from what it has.
// - Tilings cover all rows and panels once (or, where rows overlap, at least once), by the
//   micro-kernels that are listed, no others.
// - The units of a step that is divided are all of it, each part once.
// - Only packed weights, whose lines follow each other, are fetched ahead.
// - Vectors are no longer than the target's; 16 lanes are whole vectors.
std::string verify(const Plan& plan);

}  // namespace mlpjit::plan
