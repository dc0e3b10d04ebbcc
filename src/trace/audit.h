#pragma once
// hybridize({.audit = true}): what differs between two traces of one function depends on C++ state
// that a trace freezes: variables, clocks, rand(), counters, tensors that were replaced.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "src/trace/recorder.h"

namespace mlpjit::detail {

// A trace whose program does at every call what the function does imperatively, as far as that can
// be known.
struct CheckedTrace {
  Trace trace;
  std::vector<std::string> audit;  // empty without audit
};

// Traces, with `audit` twice. A value of the trace that a C++ variable outside holds afterwards is
// a line of the audit; without one, a TraceError: the function assigns the variable, which compiled
// calls would not. `name` is the function's, for messages.
CheckedTrace trace_checked(const std::function<Tensors(const Tensors&)>& function,
                           std::span<const ArgumentSpec> arguments,
                           const ParameterResolver& resolver, bool audit, const std::string& name);

// One line per difference, with the layer path and the op where it entered; empty when the traces
// agree.
std::vector<std::string> audit_differences(const Trace& first, const Trace& second);

}  // namespace mlpjit::detail
