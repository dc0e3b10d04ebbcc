// Drops ops whose results nobody uses. Tokens, random states and in-place updates are values, so
// what they order is alive as long as the function's results or updates reach it; ops that may
// fail, prints, and ops that hold or call such ops stay in any case (Necessity).
//
// Unused results of cond and fusion, and unused stacked results of scan, go too: nothing computes
// them then.

#include <algorithm>
#include <vector>

#include "lib/ir/opcodes.h"
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

class Liveness {
 public:
  Liveness(const ir::Graph& graph, const Function& function)
      : function_(function), necessity_(graph), live_ops_(function.op_count()) {
    mark_region(Function::kBody);
    for (const ir::Update& update : function.updates()) mark(update.value);
    while (!pending_.empty()) {
      const OpId id = pending_.back();
      pending_.pop_back();
      for (ValueId operand : function.op(id).operands) mark(operand);
      for (RegionId nested : function.op(id).regions) mark_region(nested);
    }
  }

  bool live(OpId op) const { return live_ops_[op.index]; }

 private:
  void mark(ValueId value) {
    const OpId producer = function_.value(value).producer;
    if (producer.valid()) mark(producer);
  }
  void mark(OpId op) {
    if (live_ops_[op.index]) return;
    live_ops_[op.index] = true;
    pending_.push_back(op);
  }
  void mark_region(RegionId region) {
    for (ValueId result : function_.region(region).results) mark(result);
    for (OpId op : function_.region(region).ops) {
      if (necessity_.must_run(function_, op)) mark(op);
    }
  }

  const Function& function_;
  Necessity necessity_;
  std::vector<bool> live_ops_;
  std::vector<OpId> pending_;
};

int drop_dead_ops(const ir::Graph& graph, Function& function) {
  const Liveness liveness(graph, function);
  int dropped = 0;
  std::vector<RegionId> pending{Function::kBody};
  while (!pending.empty()) {
    const RegionId region = pending.back();
    pending.pop_back();
    dropped += static_cast<int>(
        std::erase_if(function.region(region).ops, [&](OpId op) { return !liveness.live(op); }));
    for (OpId op : function.region(region).ops) {
      const std::vector<RegionId>& nested = function.op(op).regions;
      pending.insert(pending.end(), nested.begin(), nested.end());
    }
  }
  return dropped;
}

// The first result that may go when unused.
std::size_t first_droppable(const Op& op) {
  switch (op.opcode) {
    case Opcode::cond:
    case Opcode::fusion: return 0;
    case Opcode::scan: return static_cast<std::size_t>(op.attrs.integer("carried"));
    default: return op.results.size();
  }
}

int drop_dead_results(Function& function) {
  const std::vector<bool> used = used_values(function);
  int dropped = 0;
  for_each_op(function, Function::kBody, [&](OpId id) {
    Op& op = function.op(id);
    for (std::size_t i = op.results.size(); i-- > first_droppable(op);) {
      if (used[op.results[i].index] || op.results.size() == 1) continue;
      const auto at = static_cast<std::ptrdiff_t>(i);
      op.results.erase(op.results.begin() + at);
      for (RegionId region : op.regions) {
        std::vector<ValueId>& yields = function.region(region).results;
        yields.erase(yields.begin() + at);
      }
      ++dropped;
    }
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      function.value(op.results[i]).index = static_cast<std::uint32_t>(i);
    }
  });
  return dropped;
}

}  // namespace

int eliminate_dead_values(ir::Graph& graph) {
  int changes = 0;
  for (const auto& function : graph.functions()) {
    for (int round = 1; round > 0;) {
      round = drop_dead_ops(graph, *function);
      round += drop_dead_results(*function);
      changes += round;
    }
  }
  return changes;
}

}  // namespace mlpjit::passes
