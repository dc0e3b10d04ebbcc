#pragma once
// Random programs for the passes: element-wise ops, reductions, rows, dense layers, data movement,
// branches.

#include "lib/ir/graph.h"

namespace mlpjit::passes::testing {

ir::Graph random_graph(unsigned seed);

}  // namespace mlpjit::passes::testing
