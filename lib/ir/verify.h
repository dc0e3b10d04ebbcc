#pragma once
// Checks the invariants of a graph (listed in verify.cpp) and reports every fault with its place.

#include <string>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::ir {

struct Fault {
  std::string where;  // "@main, %3 = add"
  std::string what;
  std::string function;  // its name
  OpId op;               // invalid when it is about the function
};
std::vector<Fault> verify(const Graph& graph);
// Throws InternalError listing all faults; `stage` names who broke it.
void verify_or_throw(const Graph& graph, std::string_view stage);

}  // namespace mlpjit::ir
