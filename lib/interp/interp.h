#pragma once
// The interpreter: one op, or one function, run now on raw buffers, with Highway kernels chosen for
// the CPU at run time (capped by isa). Bits by docs/numerics.md. Knows nothing of the frontend.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/ir/sizes.h"
#include "lib/support/isa.h"

namespace mlpjit::interp {

// A dense row-major tensor in the caller's memory; the shape is static; data is aligned to its
// element only. May be null where the size is 0.
struct View {
  DType dtype = DType::f32;
  Shape shape;
  void* data = nullptr;
};

// Runs one op without regions (nor `call`). Results must not overlap operands, except that an
// element-wise op may write over an operand of the same shape and size of element. Throws
// ValueError where the op may fail (index out of range, integer division by zero, maximum of
// nothing). `print` writes to std::cout. A token's view has no data.
void evaluate(ir::Opcode opcode, const ir::Attrs& attrs, std::span<const View> operands,
              std::span<const View> results, support::Isa isa);

// Runs a whole function (regions, calls and fusions included; `graph` resolves calls). `inputs` in
// the order of the function's inputs; the body's results go to `results`; updates are written into
// the inputs' memory after every read. Intermediates are freed after their last use; returns the
// peak bytes they held. Sizes of the function may have one symbol: its value is `batch`, or where
// that is unknown what the shapes of the inputs say. `updates` (may be empty): where the final
// value of input i goes, null for its own memory.
std::size_t run(const ir::Graph& graph, const ir::Function& function, std::span<const View> inputs,
                std::span<const View> results, support::Isa isa,
                std::int64_t batch = ir::kUnknownSize, std::span<void* const> updates = {});

}  // namespace mlpjit::interp
