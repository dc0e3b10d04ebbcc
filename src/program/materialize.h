#pragma once
// Values for C++ variables after a trace that became no program: the function assigned them symbols
// of the trace, which stand for nothing any more.

#include <span>

#include "src/record/recorder.h"

namespace mlpjit::detail {

// Gives every symbol of the trace that is still held the value that an imperative run with these
// arguments would have given it. Nothing else happens: no updates, no prints, and the random stream
// stays where it is. Symbols whose value is not known (it depends on an argument of which there is
// only a specification, is of a branch or a loop body, or its op fails) are marked as left over.
// `arguments` are those of the trace. Returns whether any were held.
bool materialize(const Trace& trace, std::span<const ArgumentSpec> arguments) noexcept;

}  // namespace mlpjit::detail
