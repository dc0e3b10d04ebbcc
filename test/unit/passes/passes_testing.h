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

using Bytes = std::vector<std::byte>;
using Pass = std::function<int(ir::Graph&)>;

// "func @main" around a body whose inputs and results are given as text.
ir::Graph parse_main(std::string_view inputs, std::string_view body, std::string_view results);

// Ops of an opcode in all functions and regions.
int count(const ir::Graph& graph, std::string_view opcode);
// All ops but constants, regions included.
int count_ops(const ir::Graph& graph);

// Values for each input of main: the first draw puts NaN, infinities, both zeros, denormals, limits
// and ordinary numbers in, later draws shuffle them.
std::vector<Bytes> special_inputs(const ir::Function& main, unsigned draw);
// Results, then final values of the updated inputs. An error that the run throws is a result: its
// text.
struct Outcome {
  std::vector<Bytes> values;
  std::vector<ir::Type> types;
  std::string error;
};
Outcome run(const ir::Graph& graph, const std::vector<Bytes>& inputs);
// "" when equal on the bits, NaN payloads and signs apart.
std::string difference(const Outcome& a, const Outcome& b);

// Applies a pass to a copy, verifies it, and compares runs before and after on several draws.
// Returns the copy.
ir::Graph check_pass(const ir::Graph& graph, const Pass& pass, int draws = 4);

// simplify, then what it made superfluous.
Pass simplified();

}  // namespace mlpjit::passes::testing
