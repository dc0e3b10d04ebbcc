#include "src/program/trace_function.h"

#include <optional>
#include <utility>

#include "src/program/materialize.h"

namespace mlpjit::detail {

Trace trace_function(const std::function<Tensors(const Tensors&)>& function,
                     std::span<const ArgumentSpec> arguments, ParameterResolver resolver,
                     bool* escaped) {
  std::optional<Recorder> recorder(std::in_place, arguments, std::move(resolver));
  try {
    const TraceScope scope(&*recorder);
    return recorder->finish(function(recorder->arguments()));
  } catch (...) {
    const Trace failed = recorder->end();
    recorder.reset();  // its handles are not the function's
    if (materialize(failed, arguments) && escaped != nullptr) *escaped = true;
    throw;
  }
}

}  // namespace mlpjit::detail
