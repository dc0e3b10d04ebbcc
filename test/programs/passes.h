#pragma once
// Shared by the tests of the passes: programs as text, runs by the interpreter, bits compared.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/passes/passes.h"

namespace mlpjit::passes::testing {

using Pass = std::function<int(ir::Graph&)>;

// "func @main" around a body whose inputs and results are given as text.
ir::Graph parse_main(std::string_view inputs, std::string_view body, std::string_view results);

// Ops of an opcode in all functions and regions.
int count(const ir::Graph& graph, std::string_view opcode);
// All ops but constants, regions included.
int count_ops(const ir::Graph& graph);

// Applies a pass to a copy, verifies it, and compares runs before and after on several draws.
// Returns the copy.
ir::Graph check_pass(const ir::Graph& graph, const Pass& pass, int draws = 4);

// simplify, then what it made superfluous.
Pass simplified();

}  // namespace mlpjit::passes::testing
