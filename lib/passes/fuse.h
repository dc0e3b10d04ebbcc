#pragma once
// What the fuse pass builds, so that the plan can rely on it. A `fusion` op holds one region; its
// operands and the region's arguments correspond one to one, its results and what the region yields
// likewise. The regions of one function may be nested (bodies of cond, while_loop and scan hold
// fusions of their own).
//
// Every fusion:
//   - operands are distinct values, never constants of one element, the root's own apart: a member that uses such a
//   `constant` has a copy
//     of it in the region (of the same shape: rank 0, or ones), so that code generation can embed
//     it;
//   - the region holds only those constants and the members, in execution order; members cannot
//   fail and take no token;
//   - members other than the root are element-wise; of the integer ops, pow, floor_divide and
//   remainder are left out;
//   - all operands and results of members, bool apart, have one element width (kinds may be mixed
//   by `cast` between
//     i32 and f32, or i64 and f64);
//   - at least two members, at most kMaxFusionOps (constants not counted), kMaxFusionInputs
//   operands and
//     kMaxFusionResults results; each result is a member's.
//
// kind "elementwise": no root. Every member's result has the shape of the fusion's results;
// operands broadcast to it
//   by numpy's rule.
// The other kinds have one result, of the root's dtype (f32 or f64), which is the last member's.
// kind "dense": the root is the one `dense` or `matmul`, and the first member; its operands are
// region arguments. A
//   matmul's right operand has rank 2. Every other member depends on the root and has its result's
//   shape [.., N]; their other operands broadcast to that shape and are full, [N], one per row
//   ([.., 1], all leading sizes full), or of one element.
// kind "reduction": the root is the one sum, prod, mean, var, max or min; its axes are adjacent, at
// least one, and max
//   and min never reduce nothing. Members before it are producers: of the shape of the root's
//   operand, used only by producers and the root; each of their operands is either full or of size
//   1 along all the reduced axes. Members after it are consumers: each depends on the root, has the
//   shape of the root's result, and uses no producer.
// kind "row": the root is the one softmax or log_softmax (over the last axis) or layer_norm, whose
// gamma and beta are
//   region arguments. Producers (of the root's first operand) and consumers as for a reduction.

#include <cstddef>

namespace mlpjit::passes {

inline constexpr std::size_t kMaxFusionOps = 24;
inline constexpr std::size_t kMaxFusionInputs = 12;
inline constexpr std::size_t kMaxFusionResults = 8;

}  // namespace mlpjit::passes
