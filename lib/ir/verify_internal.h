#pragma once
// The parts of the verifier. Internal to lib/ir.

#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/ir/verify.h"

namespace mlpjit::ir {

class FaultList {
 public:
  explicit FaultList(const Function& function) : function_(function) {}

  void add(OpId op, std::string what);
  void add(std::string what) { add(OpId{}, std::move(what)); }
  bool empty() const { return faults_.empty(); }
  std::vector<Fault> take() { return std::move(faults_); }

 private:
  const Function& function_;
  std::vector<Fault> faults_;
};

std::string name_of(const Function& function, ValueId id);  // "%x", also of an invalid id
std::string list_types(const std::vector<Type>& types);

// Structure, dominance and names: what every other check relies on.
void verify_structure(const Function& function, FaultList& faults);
// Inputs, updates, and types against the type rules; calls against their callees.
void verify_types(const Graph& graph, const Function& function, FaultList& faults);
// Tokens and states are linear.
void verify_effects(const Function& function, FaultList& faults);

// Calls `visit(OpId)` for the ops of a region in text order, those of nested regions after the op
// that holds them.
template <class Visit>
void for_each_op(const Function& function, RegionId region, const Visit& visit) {
  for (OpId op : function.region(region).ops) {
    visit(op);
    for (RegionId nested : function.op(op).regions) for_each_op(function, nested, visit);
  }
}

}  // namespace mlpjit::ir
