#pragma once
// The rules of fusion, what may stand in a `fusion` op: fuser, planner and verifier go by them. A
// fusion holds one region; its operands and the region's arguments correspond one to one, its
// results and what the region yields likewise. Bodies of cond, while_loop and scan hold fusions of
// their own.
//
// Every fusion:
//
// - Operands are distinct values. A constant of one element is an operand only where the root uses
// - The region holds only those constants and the members, in execution order. Members cannot fail
// - Members other than the root are element-wise. remainder is left out, and of the integer ops
// - All operands and results of members, bool apart, have one element width; kinds may be mixed by
// - At least two members, at most kMaxFusionOps (constants not counted), kMaxFusionInputs operands
//
// Kind "elementwise" has no root. Every member's result has the shape of the fusion's results;
// operands broadcast to it by numpy's rule.
//
// The other kinds have one result, of the root's dtype (f32 or f64), which is the last member's.
//
// Kind "dense": the root is the one contraction, and the first member; its operands are region
// arguments. The weight of a dense is an input of the function. Every other member depends on the
// root and has its result's shape [.., N]; their other operands broadcast to that shape and are
// full, [N], one per row ([.., 1], all leading sizes full), or of one element. Beside a matmul
// whose right operand is a vector (a result without N) they are full or of one element, beside one
// of batches of right operands of any shape that broadcasts.
//
// Kind "reduction": the root is the one op of that family; its axes are the last ones (but for
// sizes of 1), at least one, and max and min never reduce nothing. Producers have the shape of the
// root's operand and are used only by producers and the root; each of their operands is full, or of
// size 1, along all the reduced axes alike. Consumers depend on the root, have the shape of its
// result, and use no producer.
//
// Kind "row": the root is the one op of that family, over the last axis; gamma and beta of
// layer_norm are region arguments. Producers (of the root's first operand) and consumers as for a
// reduction.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lib/ir/graph.h"

namespace mlpjit::ir {

inline constexpr std::size_t kMaxFusionOps = 24;
inline constexpr std::size_t kMaxFusionInputs = 12;
inline constexpr std::size_t kMaxFusionResults = 8;

enum class FusionKind : std::uint8_t { elementwise, dense, reduction, row };
std::string_view to_string(FusionKind kind);
std::optional<FusionKind> fusion_kind_from_name(std::string_view name);
// Of a fusion op that the verifier has passed.
FusionKind fusion_kind(const Op& fusion);

// The kind of fusion that an op with a kernel is the root of, by its family; nothing for others.
std::optional<FusionKind> rooted_kind(Opcode opcode);
// Whether kernels calculate it element by element between others: a member that is no root.
bool may_be_member(const Function& function, const Op& op);
// Whether it may be the root of a fusion of rooted_kind(): the conditions above on its operands and
// attributes.
bool may_be_root(const Function& function, const Op& op);

// The first rule that a fusion breaks, or "".
std::string broken_fusion_rule(const Function& function, const Op& fusion);

}  // namespace mlpjit::ir
