#pragma once
// The type rules of the op table: what an op gives for what it takes. One rule serves the eager
// frontend, the recorder, the verifier and the parser.

#include <cstdint>
#include <span>
#include <vector>

#include "lib/ir/attr.h"
#include "lib/ir/ids.h"
#include "lib/ir/opcode.h"

namespace mlpjit::ir {

class Function;

// Result types of an op without regions (not `call`). Throws ShapeError, DTypeError or ValueError
// that names the op, what it expects and what it got. Shapes may be symbolic.
std::vector<Type> infer(Opcode opcode, std::span<const Type> operands, const Attrs& attrs);

// The same for an op with regions, which must be complete.
std::vector<Type> infer_structured(const Function& function, Opcode opcode,
                                   std::span<const ValueId> operands, const Attrs& attrs,
                                   std::span<const RegionId> regions);

// What `slice` and `slice_update` take of an axis of `size` elements: begin, begin + step, ...
// Negative begin and end count from the end, both are clamped to the axis.
struct SliceRange {
  std::int64_t begin = 0, count = 0;
};
SliceRange slice_range(std::int64_t size, std::int64_t begin, std::int64_t end, std::int64_t step);

// numpy's rule over dimensions that may be symbolic. Throws ShapeError naming `op`.
Shape broadcast(std::string_view op, std::span<const Shape> shapes);

}  // namespace mlpjit::ir
