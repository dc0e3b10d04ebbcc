#pragma once
// hybridize({.audit = true}): what differs between two traces of one function depends on C++ state
// that a trace freezes: variables, clocks, rand(), counters, tensors that were replaced.

#include <string>
#include <vector>

#include "src/trace/recorder.h"

namespace mlpjit::detail {

// One line per difference, with the layer path and the op where it entered; empty when the traces
// agree.
std::vector<std::string> audit_differences(const Trace& first, const Trace& second);

}  // namespace mlpjit::detail
