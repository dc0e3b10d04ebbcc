// Groups ops into `fusion` ops, each of which becomes one kernel: intermediates stay in registers
// instead of going through memory. No work is duplicated, and no order that matters changes:
// members cannot fail and take no token, and a group runs where its last member stood. The kinds
// and their exact forms stand in lib/ir/fusion.h, the search for groups in fuse_groups.cpp.

#include <algorithm>
#include <utility>

#include "lib/ir/copy.h"
#include "lib/ir/opcodes.h"
#include "lib/passes/fuse_groups.h"
#include "lib/passes/passes.h"
#include "lib/passes/rewrite.h"

namespace mlpjit::passes {
namespace {

using ir::Function;
using ir::Op;
using ir::Opcode;
using ir::OpId;
using ir::RegionId;
using ir::ValueId;

class Fuser {
 public:
  explicit Fuser(Function& function) : function_(function) {}

  int run() {
    fuse_region(Function::kBody);
    if (changes_ == 0) return 0;
    rewrite_function(function_, [](OpId) { return true; }, substitution_);
    drop_embedded_constants();
    return changes_;
  }

 private:
  void fuse_region(RegionId region) {
    const std::vector<OpId> ops = function_.region(region).ops;
    for (OpId id : ops) {
      if (function_.op(id).opcode == Opcode::fusion) continue;
      const std::vector<RegionId> nested = function_.op(id).regions;
      for (RegionId inner : nested) fuse_region(inner);
    }
    FusionSearch search(function_, region);
    const std::vector<FusionGroup> groups = search.find();
    if (groups.empty()) return;
    std::vector<bool> member(ops.size());
    for (const FusionGroup& group : groups) {
      for (int position : group.members) member[static_cast<std::size_t>(position)] = true;
    }
    function_.region(region).ops.clear();
    auto group = groups.begin();
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (!member[i]) {
        function_.region(region).ops.push_back(ops[i]);
      } else if (group != groups.end() && group->members.back() == static_cast<int>(i)) {
        build(search, *group++, ops, region);
      }
    }
  }

  void build(const FusionSearch& search, const FusionGroup& group, const std::vector<OpId>& ops,
             RegionId region) {
    const std::vector<ValueId> inputs = search.inputs(group);
    const std::vector<ValueId> outputs = search.outputs(group);
    const RegionId inside = function_.add_region();
    ir::Copier copy(function_, function_, ir::Copier::Names::numbered);
    for (ValueId input : inputs) {
      copy.bind(input, function_.add_argument(inside, ir::Type(function_.value(input).type)));
    }
    for (int member : group.members) {
      const OpId id = ops[static_cast<std::size_t>(member)];
      const std::vector<ValueId> operands = function_.op(id).operands;
      for (ValueId operand : operands) {
        if (!copy.has(operand)) copy.op(function_.value(operand).producer, inside);
      }
      copy.op(id, inside);
    }
    function_.region(inside).results = copy[outputs];
    const int named = group.root >= 0 ? group.root : group.members.back();
    const std::string path = function_.op(ops[static_cast<std::size_t>(named)]).path;
    const OpId fusion = function_.append_typed(region, Opcode::fusion, inputs,
                                               {{"kind", std::string(to_string(group.kind))}},
                                               {inside}, function_.types(outputs), path);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      take_name(function_, outputs[i], function_.result(fusion, i));
      substitution_.replace(outputs[i], function_.result(fusion, i));
    }
    ++changes_;
  }

  // Those that only members used have their copies now.
  void drop_embedded_constants() {
    const std::vector<bool> used = used_values(function_);
    const auto keep = [&](OpId id) {
      const Op& op = function_.op(id);
      return op.opcode != Opcode::constant || used[op.results.front().index];
    };
    rewrite_function(function_, keep, substitution_);
  }

  Function& function_;
  Substitution substitution_;
  int changes_ = 0;
};

}  // namespace

int fuse(ir::Graph& graph) {
  int changes = 0;
  for (const auto& function : graph.functions()) changes += Fuser(*function).run();
  return changes;
}

}  // namespace mlpjit::passes
