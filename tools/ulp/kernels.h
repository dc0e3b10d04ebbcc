#pragma once
// The functions of lib/numerics over arrays, for the widest instruction set of this CPU or the one
// that was asked for.

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/ir/opcode.h"

namespace mlpjit::ulp {

// out[i] = f(x[i]), or f(x[i], y[i]) for a function of two; `count` is a multiple of 16.
void evaluate(ir::Opcode opcode, const float* x, const float* y, float* out, std::size_t count);
void evaluate(ir::Opcode opcode, const double* x, const double* y, double* out, std::size_t count);

// A chain of `rounds` calls on one vector, each waiting for the one before: x = x | (f(x) & 0).
// That is two instructions on bits more than the function. `x` and `y` have 16 elements.
void chain(ir::Opcode opcode, const float* x, const float* y, float* out, std::size_t rounds);
void chain(ir::Opcode opcode, const double* x, const double* y, double* out, std::size_t rounds);

// The name of the instruction set, and its lanes.
std::string instruction_set();
std::size_t vector_bytes();
// From now on "avx2" or "avx512"; false where this CPU has not got it.
bool use_instruction_set(std::string_view name);

}  // namespace mlpjit::ulp
