#include "test/programs/fusions.h"

#include "lib/ir/fusion.h"
#include "lib/ir/opcodes.h"
#include "lib/passes/rewrite.h"

namespace mlpjit::passes::testing {
using ir::Function;
using ir::Op;
using ir::Opcode;
using ir::OpId;

std::vector<std::string> broken_fusion_rules(const ir::Graph& graph) {
  std::vector<std::string> faults;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, Function::kBody, [&](OpId id) {
      const Op& op = function->op(id);
      if (op.opcode != Opcode::fusion) return;
      for (const OpId inner : function->region(op.regions.front()).ops) {
        if (can_fail(*function, inner)) faults.push_back("members that cannot fail");
      }
      const std::string fault = ir::broken_fusion_rule(*function, op);
      if (!fault.empty()) faults.push_back(op.attrs.get<std::string>("kind") + " fusion: " + fault);
    });
  }
  return faults;
}

std::vector<std::string> fusions(const ir::Graph& graph) {
  std::vector<std::string> found;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, Function::kBody, [&](OpId id) {
      const Op& op = function->op(id);
      if (op.opcode != Opcode::fusion) return;
      std::string line = op.attrs.get<std::string>("kind") + ":";
      for (OpId inner : function->region(op.regions.front()).ops) {
        if (function->op(inner).opcode == Opcode::constant) continue;
        line += " " + std::string(to_string(function->op(inner).opcode));
      }
      found.push_back(std::move(line));
    });
  }
  return found;
}

}  // namespace mlpjit::passes::testing
