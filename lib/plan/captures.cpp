// What the regions of an op use from outside: a library step has to be handed it like an operand.

#include <unordered_set>

#include "lib/plan/plan.h"

namespace mlpjit::plan {
namespace {

struct Walk {
  const ir::Function& function;
  std::unordered_set<ir::ValueId> inside, seen;
  std::vector<ir::ValueId> captured;

  void use(ir::ValueId id) {
    if (!inside.contains(id) && seen.insert(id).second) captured.push_back(id);
  }
  void region(ir::RegionId id) {
    const ir::Region& region = function.region(id);
    inside.insert(region.arguments.begin(), region.arguments.end());
    for (const ir::OpId op : region.ops) {
      for (const ir::ValueId operand : function.op(op).operands) use(operand);
      for (const ir::RegionId nested : function.op(op).regions) this->region(nested);
      inside.insert(function.op(op).results.begin(), function.op(op).results.end());
    }
    for (const ir::ValueId result : region.results) use(result);
  }
};

}  // namespace

std::vector<ir::ValueId> captured_values(const ir::Function& function, ir::OpId op) {
  Walk walk{function, {}, {}, {}};
  for (const ir::RegionId region : function.op(op).regions) walk.region(region);
  return walk.captured;
}

}  // namespace mlpjit::plan
