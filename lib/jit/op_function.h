#pragma once
// An op with regions as a function of its own, so that the interpreter can run just that op.

#include "lib/ir/graph.h"

namespace mlpjit::jit {

// A graph whose main takes the operands of `op`, an op of main, then plan::captured_values, and
// gives its results. The other functions of `graph` are there for calls.
ir::Graph op_as_graph(const ir::Graph& graph, ir::OpId op);

}  // namespace mlpjit::jit
