#pragma once
// A compiled program of jit() or hybridize(), with what a call must meet beyond its signature.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mlpjit/explain.h"
#include "src/program/audit.h"
#include "src/program/runner.h"
#include "src/program/signature.h"

namespace mlpjit::detail {

// What a signature was compiled to.
struct CachedProgram {
  std::unique_ptr<const Runner> runner;
  // Arguments that the function also reaches through a handle of its own, and those handles.
  std::vector<std::pair<std::size_t, CapturedTensor>> captured_arguments;
  Signature signature;           // that it was traced for
  std::shared_ptr<Audit> audit;  // null without
  double trace_ms = 0;
  bool has_size_text = false;
  std::vector<std::size_t> captures;  // inputs bound to tensors that are no parameters

  std::size_t bytes() const { return runner->bytes(); }

  // A captured tensor that the function lost; null where it has them all.
  const Binding* lost_capture() const {
    for (const std::size_t input : captures) {
      if (const Binding& binding = runner->inputs()[input]; binding.tensor.lost()) return &binding;
    }
    return nullptr;
  }
  // "capture 0 (f32[2])".
  std::string described(const Binding& capture) const;

  // What the signature alone does not say: whether arguments and captures are the same tensors as
  // in the trace. Matters only where one of them is written to, or where the trace took one for the
  // other.
  bool same_captures(std::span<const Tensor> inputs) const;
  // Whether it is the program of a call, made for one of that signature.
  bool serves(const Signature& made_for, std::span<const Tensor> inputs, bool training,
              std::uint64_t structure) const {
    return matches(made_for, inputs, training, structure) && same_captures(inputs) &&
           lost_capture() == nullptr;
  }
};

// Whether the function lost a tensor that it captured in this trace.
bool lost_any(const Trace& trace);

// The guards of a program, those beyond its signature included.
std::vector<Guard> all_guards(const Signature& signature, const CachedProgram& program);

}  // namespace mlpjit::detail
