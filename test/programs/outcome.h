#pragma once
// What a run of a program leaves, by whichever way it is run.

#include <cstdint>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/ir/sizes.h"
#include "lib/runtime/compiled_graph.h"
#include "test/programs/values.h"

namespace mlpjit::test {

struct Outcome {
  Values results, inputs;   // inputs after updates
  std::string error = {};   // the text of the ValueError
  std::int64_t status = 0;  // of generated code: which step failed, and how
};

// Of main; `batch` is the value of the symbol where sizes have one.
std::vector<ir::Type> input_types(const ir::Graph& graph, std::int64_t batch = ir::kUnknownSize);
std::vector<ir::Type> result_types(const ir::Graph& graph, std::int64_t batch = ir::kUnknownSize);
inline Values draw_inputs(const ir::Graph& graph, std::uint64_t seed,
                          Numbers numbers = Numbers::mixed) {
  return draw_values(input_types(graph), seed, numbers);
}

Outcome interpret(const ir::Graph& graph, const Values& inputs,
                  support::Isa isa = support::Isa::baseline, std::int64_t batch = ir::kUnknownSize);
Outcome run(const runtime::CompiledGraph& executable, const Values& inputs);

// "" where two runs agree on every bit, else what differs. After an error results are nobody's;
// inputs must be as they were.
std::string difference(const Outcome& want, const Outcome& got);

// The instruction sets that this CPU can run, narrowest first.
std::vector<support::Isa> runnable_isas();

// Runs the program in every backend, on every instruction set, and expects the bits of the
// interpreter's run.
void expect_same_bits(const std::string& text, std::uint64_t seed = 1);
void expect_same_bits(const ir::Graph& graph, const Values& inputs);

}  // namespace mlpjit::test
