#pragma once
// Programs in text, run by the interpreter as they stand, as an optimised graph and as machine
// code, on the same inputs.

#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/runtime/executable.h"

namespace mlpjit::runtime {

// One tensor's memory.
struct Value {
  ir::Type type;
  std::shared_ptr<support::Storage> storage;

  interp::View view() const {
    return {type.dtype, type.shape, storage == nullptr ? nullptr : storage->data()};
  }
  Argument argument() const { return {view(), storage.get()}; }
};

using Values = std::vector<Value>;

Value make_value(const ir::Type& type);
Value make_value(const ir::Type& type, const std::vector<double>& numbers);
// Seeded; floats with infinities, NaN, zeros of both signs and denormals among them, integers small
// and also negative.
Values make_inputs(const ir::Function& main, std::uint64_t seed);
Values copy(const Values& values);

// What a run left: results, inputs after updates, or the text of the ValueError.
struct Outcome {
  Values results, inputs;
  std::string error;
};

Outcome interpret(const ir::Graph& graph, const Values& inputs);
Outcome run(const Executable& executable, const Values& inputs);

// "" when the two agree on every bit (NaN equals NaN), else what differs.
std::string difference(const Outcome& want, const Outcome& got);

// The instruction sets that this CPU can run, narrowest first.
std::vector<Isa> runnable_isas();

// Runs the program in every mode, on every instruction set, and expects the bits of the
// interpreter's run.
void expect_same_bits(const std::string& text, std::uint64_t seed = 1);
void expect_same_bits(const ir::Graph& graph, const Values& inputs);

}  // namespace mlpjit::runtime
