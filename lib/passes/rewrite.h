#pragma once
// Tools that the passes share: walking and rebuilding regions, and the questions "is this value
// known?" and "must this op run?".

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::passes {

// Values that stand for others from now on; applied to uses while a walk meets them, so that a pass
// stays linear where Function::replace_uses would scan the function at each rewrite.
class Substitution {
 public:
  void replace(ir::ValueId from, ir::ValueId to);
  ir::ValueId operator()(ir::ValueId id) const;
  void apply(std::vector<ir::ValueId>& ids) const;
  bool empty() const { return map_.empty(); }

 private:
  std::unordered_map<ir::ValueId, ir::ValueId> map_;
};

// Rebuilds a region in execution order, nested regions before the op that holds them. Operands are
// substituted before `keep` sees an op; what `keep` appends to the op's region takes the place
// before it; the op stays when it returns true.
using KeepOp = std::function<bool(ir::OpId)>;
void rewrite_region(ir::Function& function, ir::RegionId region, Substitution& substitution,
                    const KeepOp& keep);
// The same for the whole function, updates included.
void rewrite_function(ir::Function& function, const KeepOp& keep, Substitution& substitution);

// Moves the ops of `from` to the end of `to`, whose position they take, and substitutes in them.
void splice(ir::Function& function, ir::RegionId from, ir::RegionId to,
            const Substitution& substitution);

// Gives the name of `from`, which nothing uses any more, to `to`.
void take_name(ir::Function& function, ir::ValueId from, ir::ValueId to);

// The literal of a value made by `constant`, or null.
const ir::Literal* constant_of(const ir::Function& function, ir::ValueId id);
// The 0-d literal of the one value that all elements have (seen through broadcast_to and reshape).
std::optional<ir::Literal> splat_of(const ir::Function& function, ir::ValueId id);
// The element of a splat as a number; exact for all but large i64.
std::optional<double> splat_number(const ir::Function& function, ir::ValueId id);
// A constant op at the end of a region.
ir::ValueId add_constant(ir::Function& function, ir::RegionId region, ir::Literal literal,
                         const std::string& path);

// Whether the op may fail when it runs, as far as its types and constant operands tell.
bool can_fail(const ir::Function& function, ir::OpId op);

// Ops that stay even when nobody uses their results: they may fail, or have an effect, or hold or
// call such an op.
class Necessity {
 public:
  explicit Necessity(const ir::Graph& graph) : graph_(graph) {}
  bool must_run(const ir::Function& function, ir::OpId op);

 private:
  bool region_must_run(const ir::Function& function, ir::RegionId region);
  const ir::Graph& graph_;
  std::unordered_map<std::string, bool> callees_;
};

// Calls `visit` for every op of a region and of the regions nested in it, in execution order, an op
// before what it holds. The function must not change meanwhile.
void for_each_op(const ir::Function& function, ir::RegionId region,
                 const std::function<void(ir::OpId)>& visit);

// By value: whether an op that runs, a region's result or an update uses it.
std::vector<bool> used_values(const ir::Function& function);

}  // namespace mlpjit::passes
