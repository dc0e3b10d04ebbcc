#pragma once
// The exact form of fusions, as lib/ir/fusion.h states it, checked on a graph.

#include <string>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::passes::testing {

// One line per broken rule.
std::vector<std::string> broken_fusion_rules(const ir::Graph& graph);

// "kind: op op op" of each fusion in order, constants left out.
std::vector<std::string> fusions(const ir::Graph& graph);

}  // namespace mlpjit::passes::testing
