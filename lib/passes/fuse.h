#pragma once
// What the fuse pass builds, so that the plan can rely on it. A `fusion` op holds one region; its operands and the
// region's arguments correspond one to one, its results and what the region yields likewise. The regions of one
// function may be nested (bodies of cond, while_loop and scan hold fusions of their own).
//
// Every fusion:
//   - operands are distinct values, never of one known element: a `constant` of one element that a member uses is
//     copied into the region (with its own shape, rank 0 or ones), so that code generation can embed it;
//   - the region holds only those constants and members; members are in execution order, cannot fail, take no token;
//   - members other than the root are element-wise; of the integer ops, pow, floor_divide and remainder are left out;
//   - all members' operands and results, bool apart, have one element width (kinds may be mixed by `cast` between
//     i32 and f32, or i64 and f64);
//   - at most kMaxFusionOps members (constants not counted) and kMaxFusionInputs operands.
//
// kind "elementwise": no root; at least two members. Every member's result has the shape of all results of the
//   fusion; operands broadcast to it by numpy's rule. One or more results, each a member's.
// kind "dense": the root is the one `dense` or `matmul` (of floats; rank of the result at least 1). Its operands are
//   region arguments. A matmul's right operand is rank 2. Every other member comes after it, depends on it, and has
//   its result's shape [.., N]; their other operands broadcast to that shape and are full, [N], one per row
//   ([.., 1], all leading sizes full), or of one element. One result, of the root's dtype.
// kind "reduction": the root is the one sum, prod, mean, var, max or min of floats; its axes are adjacent, and max and
//   min never reduce nothing. Members that the root depends on are producers: of the shape of the root's operand, used
//   only by producers and the root; each of their operands is, over the reduced axes, either full or constant. Members
//   after it are consumers: each depends on the root, has the shape of the root's result, and uses no producer. One result.
// kind "row": the root is the one softmax, log_softmax (both over the last axis) or layer_norm, whose gamma and beta are
//   region arguments. Producers and consumers as for a reduction; all members have the same shape. One result.

namespace mlpjit::passes {

inline constexpr int kMaxFusionOps = 24;
inline constexpr int kMaxFusionInputs = 12;

}  // namespace mlpjit::passes
