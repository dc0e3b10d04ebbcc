#pragma once
// From a C++ function to its trace.

#include <functional>
#include <span>

#include "src/record/recorder.h"

namespace mlpjit::detail {

// Runs the function once on symbols and gives its graph. After an exception nothing is left behind
// but what C++ variables outside were assigned (materialize); `escaped` is set then.
Trace trace_function(const std::function<Tensors(const Tensors&)>& function,
                     std::span<const ArgumentSpec> arguments, ParameterResolver resolver,
                     bool* escaped = nullptr);

}  // namespace mlpjit::detail
