#pragma once
// The search for ops of one region that are fused together, without the rewriting. What is built is
// said in lib/ir/fusion.h.

#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lib/ir/fusion.h"
#include "lib/ir/graph.h"

namespace mlpjit::passes {

// Positions are indices into the region's ops. A group runs at the position of its last member: so
// what it takes is there, and what takes its results comes later.
struct FusionGroup {
  ir::FusionKind kind{};
  std::vector<int> members;  // ascending
  int root = -1;             // position; -1 for elementwise ones
};

class FusionSearch {
 public:
  FusionSearch(const ir::Function& function, ir::RegionId region);
  // Disjoint groups, in the order of their last members.
  std::vector<FusionGroup> find();

  // Values from outside, in order of use, without constants of one element.
  std::vector<ir::ValueId> inputs(const FusionGroup& group) const;
  // Members' values used outside, in order.
  std::vector<ir::ValueId> outputs(const FusionGroup& group) const;
  // A `constant` of one element.
  bool embedded(ir::ValueId value) const;

 private:
  const ir::Op& op(int position) const;
  ir::ValueId result(int position) const { return op(position).results.front(); }
  const ir::Type& type(ir::ValueId value) const { return function_.value(value).type; }
  const Shape& shape(int position) const { return type(result(position)).shape; }
  // Position of the op of this region that makes the value, or -1.
  int maker(ir::ValueId value) const;
  std::span<const int> users(ir::ValueId value) const;

  void use(ir::ValueId value, int position);
  bool member_op(int position) const;  // element-wise, free, cannot fail
  bool widths_agree(const FusionGroup& group) const;
  bool within_limits(const FusionGroup& group) const;
  bool closed(const FusionGroup& group) const;     // one result, of the root's dtype
  bool placeable(const FusionGroup& group) const;  // no use of a result before its last member

  using Accepts = bool (FusionSearch::*)(const FusionGroup& group, int position) const;
  bool epilogue_fits(const FusionGroup& group, int position) const;
  bool consumer_fits(const FusionGroup& group, int position) const;
  bool reduced_fits(const FusionGroup& group, int position) const;
  bool producer_fits(const FusionGroup& group, int position) const;
  void add_producers(FusionGroup& group) const;
  void add_consumers(FusionGroup& group, Accepts fits) const;
  void pull_producers(FusionGroup& group, int position) const;
  void grow_elementwise(FusionGroup& group) const;

  bool is_root(int position, ir::FusionKind kind) const;
  void keep(FusionGroup group);

  const ir::Function& function_;
  const std::vector<ir::OpId> ops_;
  std::unordered_map<ir::ValueId, std::vector<int>>
      users_;                     // ascending; ops_.size(): the region's result
  std::vector<int> position_of_;  // by op; -1 outside the region
  std::vector<bool> taken_;
  std::vector<FusionGroup> groups_;
};

}  // namespace mlpjit::passes
