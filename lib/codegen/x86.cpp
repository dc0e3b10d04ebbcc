#include "lib/codegen/x86.h"

#include <llvm/IR/IntrinsicsX86.h>

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
}

namespace mlpjit::codegen::x86 {

void initialize() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
}

Value* permute(Emitter& e, Value* low, Value* high, Value* index) {
  const auto call = [&](llvm::Intrinsic::ID id, llvm::ArrayRef<Value*> arguments) -> Value* {
    return e.b.CreateIntrinsic(id, {}, arguments);
  };
  auto* type = llvm::cast<llvm::FixedVectorType>(low->getType());
  if (e.target().permutes == plan::Permutes::f32) {
    const auto id = llvm::Intrinsic::x86_avx2_permps;
    Value* lower = call(id, {low, index});
    if (high == nullptr) return lower;
    const std::uint64_t last = type->getNumElements() - 1;
    Value* upper = e.b.CreateICmpSGT(index, llvm::ConstantInt::get(index->getType(), last));
    return e.b.CreateSelect(upper, call(id, {high, index}), lower);
  }
  // AVX-512 permutes two registers in one step.
  const bool is_f32 = type->getElementType()->isFloatTy();
  if (high == nullptr) {
    return call(is_f32 ? llvm::Intrinsic::x86_avx512_permvar_sf_512
                       : llvm::Intrinsic::x86_avx512_permvar_df_512,
                {low, index});
  }
  return call(is_f32 ? llvm::Intrinsic::x86_avx512_vpermi2var_ps_512
                     : llvm::Intrinsic::x86_avx512_vpermi2var_pd_512,
              {low, index, high});
}

void order_streams(Emitter& e) {
  e.b.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {}, {});
}

}  // namespace mlpjit::codegen::x86
