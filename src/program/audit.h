#pragma once
// hybridize({.audit = true}): what differs between traces of one function depends on C++ state that
// a trace freezes: variables, clocks, rand(), counters, tensors that were replaced.
//
// There are two traces before the compile, so that what moves by itself is found at the first call,
// and one at each later call, so that what the program changes between calls is found too. Each
// takes the arguments of its call. Their values make no difference: they are symbols, as captured
// tensors and parameters are, and reading them is an error. A trace draws no random numbers, prints
// nothing and updates nothing; C++ state is the only thing it moves.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "src/record/recorder.h"

namespace mlpjit::detail {

using TracedFunction = std::function<Tensors(const Tensors&)>;

// What the later traces of a function are compared with, and what was found. Safe from any thread.
class Audit {
 public:
  Audit(Trace first, std::string name) : first_(std::move(first)), name_(std::move(name)) {}

  // Compares with another trace, called `other`; what that throws becomes a line. Each place is
  // listed and warned of once. Leaves out a trace while another goes on.
  void compare(const TracedFunction& function, std::span<const ArgumentSpec> arguments,
               const ParameterResolver& resolver, const std::string& other);
  std::vector<std::string> lines() const;

 private:
  void add(const std::string& place, const std::string& line);

  const Trace first_;
  const std::string name_;  // of the function, for warnings
  std::atomic<bool> tracing_{false};
  mutable std::mutex mutex_;  // guards the rest
  std::set<std::string> places_;
  std::vector<std::string> lines_;
};

// A trace whose program does at every call what the function does imperatively, as far as that can
// be known.
struct CheckedTrace {
  Trace trace;
  std::shared_ptr<Audit> audit = {};  // null without
  double trace_ms = 0;

  std::size_t bytes() const;
};

// Traces, with `audit` twice. A value of the trace that a C++ variable outside holds afterwards is
// a TraceError, which has the lines of the audit too: the function assigns the variable, which
// compiled calls would not. The variable is an ordinary tensor then (materialize), and `escaped` is
// set: another trace would find it changed. `name` is the function's, for messages.
CheckedTrace trace_checked(const TracedFunction& function, std::span<const ArgumentSpec> arguments,
                           const ParameterResolver& resolver, bool audit, const std::string& name,
                           bool& escaped);

// The same check of a trace made with these arguments.
void check_escaped(const Trace& trace, std::span<const ArgumentSpec> arguments,
                   const std::string& name);

}  // namespace mlpjit::detail
