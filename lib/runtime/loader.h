#pragma once
// Opens libmlpjit-codegen, the only part with LLVM in it, at the first compile; a program that
// never compiles never pays for it. Looked for, in this order: the file named by
// MLPJIT_CODEGEN_LIBRARY; beside the library or program that holds this code; in ../lib of that
// folder; where the dynamic linker looks.

#include <string>
#include <vector>

#include "lib/codegen/compiler.h"

namespace mlpjit::runtime {

// Compiler and linker of this process; they stay until its end. Safe from any number of threads.
// Throws UnsupportedError that names what was tried and Backend::graph as the way out; the next
// call tries again.
const codegen::Toolchain& load_toolchain();

// Whether this build can compile at all (MLPJIT_WITH_LLVM).
bool built_with_llvm();

// The files that load_toolchain() tries, in order. A name without a slash is left to the dynamic
// linker.
std::vector<std::string> codegen_candidates();

}  // namespace mlpjit::runtime
