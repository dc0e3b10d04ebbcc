// Element-wise functions on integers: everything wraps.

#include <fmt/format.h>

#include "lib/codegen/emitter.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {
namespace {

using ir::Opcode;

Value* maximum(Emitter& e, Value* a, Value* c) {
  return e.b.CreateSelect(e.b.CreateICmpSGT(a, c), a, c);
}
Value* minimum(Emitter& e, Value* a, Value* c) {
  return e.b.CreateSelect(e.b.CreateICmpSLT(a, c), a, c);
}

}  // namespace

Value* emit_integer_op(Emitter& e, Opcode opcode, DType dtype, const Values& operands) {
  Value* a = operands[0];
  Value* c = operands.size() > 1 ? operands[1] : nullptr;
  Value* zero = llvm::Constant::getNullValue(a->getType());
  switch (opcode) {
    case Opcode::add: return e.b.CreateAdd(a, c);
    case Opcode::subtract: return e.b.CreateSub(a, c);
    case Opcode::multiply: return e.b.CreateMul(a, c);
    case Opcode::negative: return e.b.CreateSub(zero, a);
    case Opcode::abs:
      return e.b.CreateSelect(e.b.CreateICmpSLT(a, zero), e.b.CreateSub(zero, a), a);
    case Opcode::sign: {
      Value* one = llvm::ConstantInt::get(a->getType(), 1);
      Value* minus = llvm::Constant::getAllOnesValue(a->getType());
      return e.b.CreateSelect(e.b.CreateICmpSGT(a, zero), one,
                              e.b.CreateSelect(e.b.CreateICmpSLT(a, zero), minus, zero));
    }
    case Opcode::relu: return maximum(e, a, zero);
    case Opcode::floor:
    case Opcode::ceil:
    case Opcode::round: return a;
    case Opcode::maximum: return maximum(e, a, c);
    case Opcode::minimum: return minimum(e, a, c);
    case Opcode::clip: return minimum(e, maximum(e, a, c), operands[2]);
    case Opcode::equal: return e.b.CreateICmpEQ(a, c);
    case Opcode::not_equal: return e.b.CreateICmpNE(a, c);
    case Opcode::less: return e.b.CreateICmpSLT(a, c);
    case Opcode::less_equal: return e.b.CreateICmpSLE(a, c);
    case Opcode::greater: return e.b.CreateICmpSGT(a, c);
    case Opcode::greater_equal: return e.b.CreateICmpSGE(a, c);
    default:
      throw InternalError(fmt::format("codegen: {} on {} is not compiled", ir::to_string(opcode),
                                      to_string(dtype)));
  }
}

}  // namespace mlpjit::codegen
