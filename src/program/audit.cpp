#include "src/program/audit.h"

#include "lib/runtime/footprint.h"
#include "mlpjit/error.h"
#include "src/core/log.h"
#include "src/program/difference.h"
#include "src/program/materialize.h"
#include "src/program/trace_function.h"

namespace mlpjit::detail {

void Audit::add(const std::string& place, const std::string& line) {
  {
    const std::lock_guard lock(mutex_);
    if (!places_.insert(place).second) return;
    lines_.push_back(line);
  }
  warn("audit of " + name_ + ": " + line);
}

std::vector<std::string> Audit::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

void Audit::compare(const TracedFunction& function, std::span<const ArgumentSpec> arguments,
                    const ParameterResolver& resolver, const std::string& other) {
  if (tracing_.exchange(true)) return;
  struct Done {
    std::atomic<bool>& tracing;
    ~Done() { tracing = false; }
  } const done{tracing_};
  try {
    const Trace second = trace_function(function, arguments, resolver);
    for (const Difference& each : differences(first_, second, other)) add(each.place, each.text);
    for (const std::string& value : escaped_values(second))
      add("escaped",
          "a C++ variable outside of the traced code holds " + value + " after " + other);
    materialize(second, arguments);
  } catch (const std::exception& e) {
    add("failed", other + " ended with the error: " + e.what());
  } catch (...) {
    add("failed", other + " ended with an exception that is no std::exception");
  }
}

namespace {

[[noreturn]] void throw_escaped(const std::vector<std::string>& values, const std::string& name,
                                const Audit* audit) {
  std::string held, lines;
  for (const std::string& value : values) held += (held.empty() ? "" : " and ") + value;
  if (audit != nullptr) {
    for (const std::string& line : audit->lines()) lines += "\naudit: " + line;
  }
  throw TraceError(name + ": a C++ variable outside of the traced code holds " + held +
                   " after the trace: assigning it, as in h = h + x, happens once, while tracing, "
                   "not at every call; write h.assign(h + x) to update the tensor, or return the "
                   "value as a further result" +
                   lines);
}

}  // namespace

void check_escaped(const Trace& trace, std::span<const ArgumentSpec> arguments,
                   const std::string& name) {
  const std::vector<std::string> escaped = escaped_values(trace);
  if (escaped.empty()) return;
  materialize(trace, arguments);
  throw_escaped(escaped, name, nullptr);
}

CheckedTrace trace_checked(const TracedFunction& function, std::span<const ArgumentSpec> arguments,
                           const ParameterResolver& resolver, bool audit, const std::string& name,
                           bool& escaped) {
  CheckedTrace result{trace_function(function, arguments, resolver, &escaped)};
  // Now: another trace may assign the variable another value.
  const std::vector<std::string> values = escaped_values(result.trace);
  if (audit) {
    result.audit = std::make_shared<Audit>(result.trace, name);
    result.audit->compare(function, arguments, resolver, "the second trace");
  }
  if (values.empty()) {
    result.trace.tensors.clear();  // each keeps the memory of its handle
    return result;
  }
  escaped = true;
  materialize(result.trace, arguments);
  throw_escaped(values, name, result.audit.get());
}

std::size_t CheckedTrace::bytes() const {
  return sizeof(*this) + runtime::footprint(*trace.graph);
}

}  // namespace mlpjit::detail
