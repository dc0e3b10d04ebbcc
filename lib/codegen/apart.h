#pragma once
// Work with LLVM on a thread of its own. Where LLVM cannot go on (a fatal error, no memory) it
// would end the process; it must not return into its code then, and an exception through its frames
// would skip their destructors. So that thread stops where it stands, for ever, with all that it
// holds, and the caller gets an error.

#include <functional>

namespace mlpjit::codegen {

// Runs `work` to its end, and rethrows what it throws. Throws InternalError for a fatal error of
// LLVM, std::bad_alloc where LLVM has no memory: `work` and what it refers to are not touched again
// then. Where the system has no thread, `work` runs on this one, and LLVM ends the process.
void run_apart(const std::function<void()>& work);

// Makes LLVM's fatal errors those of run_apart(). Once per process.
void catch_fatal_errors();

}  // namespace mlpjit::codegen
