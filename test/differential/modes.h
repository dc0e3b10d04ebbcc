#pragma once
// Runs a program in every mode and compares the bits.

#include <optional>
#include <string>
#include <vector>

#include "mlpjit/options.h"
#include "test/differential/program.h"

namespace mlpjit::differential {

// What a run gave: results, or the text of the ValueError that every mode must throw.
struct Outcome {
  Tensors results;
  std::string error;
};

struct Mode {
  std::string name;
  HybridizeOptions options;
};

// graph and native on the widest instruction set, and native on `also` when it is narrower.
std::vector<Mode> modes(Isa also);
// The instruction sets this CPU can run, narrowest first.
std::vector<Isa> runnable_isas();

Outcome run_imperatively(const Program& program);
Outcome run_in(const Mode& mode, const Program& program);

// What differs, or nothing.
std::optional<std::string> difference(const Outcome& want, const Outcome& got);
// Every mode against the imperative run, and each op of the trace against the naive reference.
std::optional<std::string> check(const Program& program, const std::vector<Mode>& modes);
std::optional<std::string> check_against_reference(const Program& program);

// The trace of a program as text: what a failure is reported as.
std::string trace_text(const Program& program);
// The arguments that the traced graph takes: a program may use fewer inputs than it has.
Tensors arguments_of_trace(const Program& program);

}  // namespace mlpjit::differential
