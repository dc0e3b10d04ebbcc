// Casts of the contract: float to integer truncates and saturates, NaN gives 0; to bool is != 0;
// i64 to i32 wraps; integers round to nearest even. By hand, since llvm.fptosi.sat becomes scalar
// code.

#include <llvm/IR/Constants.h>

#include "lib/codegen/emitter.h"

namespace mlpjit::codegen {
namespace {

Value* float_to_integer(Emitter& e, Value* value, DType from, DType to, int lanes) {
  auto* type = llvm::cast<llvm::VectorType>(e.lanes_type(to, lanes));
  const unsigned bits = to == DType::i32 ? 32 : 64;
  const double bound = to == DType::i32 ? 0x1p31 : 0x1p63;  // exact in f32 and f64
  Value* above = llvm::ConstantFP::get(e.lanes_type(from, lanes), bound);
  Value* below = llvm::ConstantFP::get(e.lanes_type(from, lanes), -bound);
  Value* highest = llvm::ConstantInt::get(type, llvm::APInt::getSignedMaxValue(bits));
  Value* lowest = llvm::ConstantInt::get(type, llvm::APInt::getSignedMinValue(bits));
  // Freeze: lanes out of range are poison until they are replaced.
  Value* result = e.b.CreateFreeze(e.b.CreateFPToSI(value, type));
  result = e.b.CreateSelect(e.b.CreateFCmpOGE(value, above), highest, result);
  result = e.b.CreateSelect(e.b.CreateFCmpOLT(value, below), lowest, result);
  return e.b.CreateSelect(e.b.CreateFCmpUNO(value, value), llvm::Constant::getNullValue(type),
                          result);
}

}  // namespace

Value* emit_cast(Emitter& e, Value* value, DType from, DType to, int lanes) {
  if (from == to) return value;
  llvm::Type* type = e.lanes_type(to, lanes);
  if (from == DType::boolean) {
    return is_floating(to) ? e.b.CreateUIToFP(value, type) : e.b.CreateZExt(value, type);
  }
  if (to == DType::boolean) {
    Value* zero = e.zero(from, lanes);
    return is_floating(from) ? e.b.CreateFCmpUNE(value, zero) : e.b.CreateICmpNE(value, zero);
  }
  if (is_floating(from) && is_floating(to)) {
    return to == DType::f64 ? e.b.CreateFPExt(value, type) : e.b.CreateFPTrunc(value, type);
  }
  if (is_floating(from)) return float_to_integer(e, value, from, to, lanes);
  if (is_floating(to)) return e.b.CreateSIToFP(value, type);
  return to == DType::i64 ? e.b.CreateSExt(value, type) : e.b.CreateTrunc(value, type);
}

}  // namespace mlpjit::codegen
