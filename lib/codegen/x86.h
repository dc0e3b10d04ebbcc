#pragma once
// Instructions and rules that are x86-64's alone.

#include "lib/codegen/emitter.h"

namespace mlpjit::codegen::x86 {

// Makes LLVM's part for this architecture known. Once per process.
void initialize();

// table[index] lane by lane, of a whole register of indices below the size of the table: that is
// `low`, followed by `high` where it is not null, a register each. For targets that permute.
Value* permute(Emitter& emitter, Value* low, Value* high, Value* index);

// Stores past the caches so far are seen by other threads before what comes after.
void order_streams(Emitter& emitter);

}  // namespace mlpjit::codegen::x86
