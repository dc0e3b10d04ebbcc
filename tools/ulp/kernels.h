#pragma once
// The functions of lib/numerics over arrays, for the widest instruction set of this CPU.

#include <cstddef>
#include <string>

#include "lib/ir/opcode.h"

namespace mlpjit::ulp {

// out[i] = f(x[i]), or f(x[i], y[i]) for a function of two; `count` is a multiple of 16.
void evaluate(ir::Opcode opcode, const float* x, const float* y, float* out, std::size_t count);
void evaluate(ir::Opcode opcode, const double* x, const double* y, double* out, std::size_t count);

// The name of that instruction set.
std::string instruction_set();

}  // namespace mlpjit::ulp
