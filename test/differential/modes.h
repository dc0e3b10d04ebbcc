#pragma once
// Runs a program in every mode and compares the bits.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlpjit/options.h"
#include "src/hybrid/cached_function.h"
#include "test/differential/host_environment.h"
#include "test/differential/program.h"

namespace mlpjit::differential {

// All that can be seen of a run, or the text of the ValueError that every mode must throw.
struct Outcome {
  Tensors results;
  std::vector<std::size_t>
      handles;     // of each result: the input, else the result, it is a handle of
  Tensors inputs;  // as they are afterwards
  std::string printed;
  random::State stream;
  std::string error;
  bool environment_kept = true;  // the caller's, for floating point
};

struct Mode {
  std::string name;
  HybridizeOptions options;
};

// graph and native on the widest instruction set, and on `also` when it is narrower; and, now and
// then, with some passes off.
std::vector<Mode> modes(Isa also, std::uint64_t seed);
// The instruction sets this CPU can run, narrowest first.
std::vector<Isa> runnable_isas();

Tensors copies_of(const Tensors& tensors);
// What the inputs hold at first; other contents of the same types.
Tensors contents_of(const Program& program);
Tensors other_contents_of(const Program& program);
// The elements of one tensor in another order, floats scaled.
Tensor other_content(const Tensor& content);

// Whether inputs that are one tensor in the program are passed as one, or as copies of it. What the
// function captured stays as it is.
enum class Sharing { as_made, apart };

// The tensors that a run of the program works on; `held` are those of the captured inputs.
Tensors tensors_of_run(const Program& program, const Tensors& contents, const Tensors& held,
                       Sharing sharing);

Outcome run_imperatively(const Program& program, const Tensors& contents,
                         Sharing sharing = Sharing::as_made,
                         unsigned control = HostEnvironment::kPlain);
inline Outcome run_imperatively(const Program& program) {
  return run_imperatively(program, contents_of(program));
}

// The program behind a cached function, which keeps what it captures from call to call. Programs
// may capture the same tensors, as those of one network do.
class HybridProgram {
 public:
  HybridProgram(const Program& program, const HybridizeOptions& options, Tensors captured);
  HybridProgram(const Program& program, const HybridizeOptions& options)
      : HybridProgram(program, options, copies_of(contents_of(program))) {}

  // What a call works on: the captured tensors, which are given these contents, and new ones.
  Tensors tensors(const Tensors& contents, Sharing sharing = Sharing::as_made);
  // A call on these tensors as they are.
  Outcome run_on(const Tensors& inputs, unsigned control = HostEnvironment::kPlain);
  Outcome run(const Tensors& contents, Sharing sharing = Sharing::as_made,
              unsigned control = HostEnvironment::kPlain) {
    return run_on(tensors(contents, sharing), control);
  }
  const detail::CachedFunction& function() const { return *function_; }

 private:
  const Program& program_;
  Tensors captured_;
  std::unique_ptr<detail::CachedFunction> function_;
};

// What the call does, on the stream that programs draw from, to these inputs among others.
Outcome observe(const Tensors& inputs, const std::function<Tensors()>& call,
                unsigned control = HostEnvironment::kPlain);
// What differs, or nothing.
std::optional<std::string> difference(const Outcome& want, const Outcome& got);
// Every mode against the imperative run (check.cpp); and the trace against the naive reference, op
// by op and as a whole.
std::optional<std::string> check(const Program& program, const std::vector<Mode>& modes);
std::optional<std::string> check_against_reference(const Program& program, const Outcome& want);

// A trace of the program, with the tensors that it is bound to.
struct TracedProgram {
  explicit TracedProgram(const Program& program);
  Tensors inputs;  // of the program
  detail::Trace trace;
  // What an input of the graph is bound to; undefined for a state or a token.
  Tensor bound(std::size_t input) const;
  // What the graph takes when it is compiled from its text.
  Tensors arguments() const;
};

// The trace of a program as text: what a failure is reported as.
std::string trace_text(const Program& program);

}  // namespace mlpjit::differential
