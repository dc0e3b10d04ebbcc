#include "lib/plan/op_cycles.h"

#include "lib/ir/opcodes.h"

namespace mlpjit::plan {
namespace {

struct VectorCycles {
  double avx2_f32, avx2_f64, avx512_f32, avx512_f64;
};

VectorCycles vector_cycles(ir::Opcode opcode) {
  using ir::Opcode;
  switch (opcode) {
    case Opcode::exp:
    case Opcode::expm1:
    case Opcode::elu:
    case Opcode::sigmoid:
    case Opcode::silu:
    case Opcode::tanh: return {15, 21, 13, 21};
    case Opcode::log:
    case Opcode::log1p: return {17, 30, 15, 39};
    case Opcode::softplus: return {42, 82, 42, 75};
    case Opcode::gelu_tanh: return {26, 34, 24, 30};
    case Opcode::erf:
    case Opcode::gelu: return {30, 65, 28, 67};
    case Opcode::sin:
    case Opcode::cos:
    case Opcode::pow: return {80, 83, 56, 79};
    case Opcode::maximum:
    case Opcode::minimum:
    case Opcode::clip:
    case Opcode::hardtanh: return {3.3, 3.6, 2.3, 2.9};
    case Opcode::divide:
    case Opcode::sqrt:
    case Opcode::rsqrt: return {1.7, 2.4, 1, 3.2};
    default: return {0.5, 0.5, 0.5, 0.5};
  }
}

}  // namespace

double op_cycles(ir::Opcode opcode, DType dtype, const Target& target) {
  const VectorCycles cycles = vector_cycles(opcode);
  const bool f32 = dtype == DType::f32;
  switch (target.cycles) {
    case Cycles::avx2: return f32 ? cycles.avx2_f32 : cycles.avx2_f64;
    case Cycles::avx512: return f32 ? cycles.avx512_f32 : cycles.avx512_f64;
  }
  return 0;
}

}  // namespace mlpjit::plan
