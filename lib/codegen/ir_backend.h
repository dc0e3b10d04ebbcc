#pragma once
// The arithmetic backend (lib/numerics/backend.h) that writes LLVM IR: a Value is the handle of an
// instruction that makes lanes.

#include <algorithm>
#include <limits>
#include <vector>

#include <llvm/IR/Intrinsics.h>

#include "lib/codegen/emitter.h"
#include "lib/codegen/module_builder.h"
#include "lib/codegen/x86.h"
#include "lib/numerics/backend.h"

namespace mlpjit::codegen {

template <class T>
class IrBackend {
 public:
  using Lane = T;
  using Int = numerics::IntOf<T>;
  using Value = llvm::Value*;
  using Bits = llvm::Value*;
  using Mask = llvm::Value*;

  IrBackend(Emitter& emitter, int lanes)
      : e_(emitter),
        lanes_(static_cast<unsigned>(lanes)),
        float_(emitter.lanes_type(dtype_of<T>, lanes)),
        int_(emitter.lanes_type(dtype_of<Int>, lanes)) {}

  Value constant(T x) const { return llvm::ConstantFP::get(float_, llvm::APFloat(x)); }
  Bits integer(Int i) const {
    return llvm::ConstantInt::get(int_, static_cast<std::uint64_t>(i), true);
  }

  Value add(Value a, Value c) const { return e_.b.CreateFAdd(a, c); }
  Value sub(Value a, Value c) const { return e_.b.CreateFSub(a, c); }
  Value mul(Value a, Value c) const { return e_.b.CreateFMul(a, c); }
  // By a power of two it is a multiplication, with the same rounding.
  Value div(Value a, Value c) const {
    const auto* constant = llvm::dyn_cast<llvm::Constant>(c);
    const llvm::Constant* lane = constant == nullptr ? nullptr : constant->getSplatValue();
    const auto* number = llvm::dyn_cast_or_null<llvm::ConstantFP>(lane);
    llvm::APFloat inverse(T{0});
    if (number == nullptr || !number->getValueAPF().getExactInverse(&inverse))
      return e_.b.CreateFDiv(a, c);
    return e_.b.CreateFMul(a, llvm::ConstantFP::get(float_, inverse));
  }
  Value fma(Value a, Value x, Value c) const { return e_.fma(a, x, c); }
  Value sqrt(Value a) const { return unary(llvm::Intrinsic::sqrt, a); }
  Value neg(Value a) const { return e_.b.CreateFNeg(a); }
  Value abs(Value a) const { return unary(llvm::Intrinsic::fabs, a); }

  // SSE2 has no rounding instruction, and LLVM would call libm.
  Value trunc(Value a) const {
    if (has_rounding()) return unary(llvm::Intrinsic::trunc, a);
    return keep_large(a, to_value(to_bits(a)));
  }
  Value floor(Value a) const {
    if (has_rounding()) return unary(llvm::Intrinsic::floor, a);
    const Value t = trunc(a);
    return select(lt(a, t), sub(t, constant(1)), t);
  }
  Value ceil(Value a) const {
    if (has_rounding()) return unary(llvm::Intrinsic::ceil, a);
    const Value t = trunc(a);
    return select(lt(t, a), add(t, constant(1)), t);
  }
  Value rint(Value a) const {
    if (has_rounding()) return unary(llvm::Intrinsic::roundeven, a);
    return keep_large(a, sub(add(abs(a), constant(kIntegral)), constant(kIntegral)));
  }

  Mask lt(Value a, Value c) const { return e_.b.CreateFCmpOLT(a, c); }
  Mask le(Value a, Value c) const { return e_.b.CreateFCmpOLE(a, c); }
  Mask eq(Value a, Value c) const { return e_.b.CreateFCmpOEQ(a, c); }
  Mask is_nan(Value a) const { return e_.b.CreateFCmpUNO(a, a); }
  Value lesser(Value a, Value c) const { return select(lt(a, c), a, c); }
  Value greater(Value a, Value c) const { return select(lt(c, a), a, c); }
  Mask mand(Mask m, Mask n) const { return e_.b.CreateAnd(m, n); }
  Mask mor(Mask m, Mask n) const { return e_.b.CreateOr(m, n); }
  Mask mnot(Mask m) const { return e_.b.CreateNot(m); }
  Value select(Mask m, Value a, Value c) const { return e_.b.CreateSelect(m, a, c); }
  Bits iselect(Mask m, Bits i, Bits j) const { return e_.b.CreateSelect(m, i, j); }

  Bits bits(Value a) const { return e_.b.CreateBitCast(a, int_); }
  Value value(Bits i) const { return e_.b.CreateBitCast(i, float_); }
  Bits iadd(Bits i, Bits j) const { return e_.b.CreateAdd(i, j); }
  Bits isub(Bits i, Bits j) const { return e_.b.CreateSub(i, j); }
  Bits iand(Bits i, Bits j) const { return e_.b.CreateAnd(i, j); }
  Bits ior(Bits i, Bits j) const { return e_.b.CreateOr(i, j); }
  Bits ixor(Bits i, Bits j) const { return e_.b.CreateXor(i, j); }
  template <int n>
  Bits shl(Bits i) const {
    return e_.b.CreateShl(i, integer(n));
  }
  template <int n>
  Bits shr(Bits i) const {
    return e_.b.CreateLShr(i, integer(n));
  }
  template <int n>
  Bits sar(Bits i) const {
    return e_.b.CreateAShr(i, integer(n));
  }
  Mask ieq(Bits i, Bits j) const { return e_.b.CreateICmpEQ(i, j); }
  Mask ilt(Bits i, Bits j) const { return e_.b.CreateICmpSLT(i, j); }

  Value to_value(Bits i) const { return e_.b.CreateSIToFP(i, float_); }
  Bits to_bits(Value a) const { return e_.b.CreateFPToSI(a, int_); }

  // A permutation of registers where the table fits one or two, a gather where the target has it,
  // else lane by lane.
  Value lookup(const T* table, int count, Bits index) const {
    const auto size = static_cast<unsigned>(count);
    const auto native = static_cast<unsigned>(e_.native_lanes(dtype_of<T>));
    const plan::Permutes able = e_.target().permutes;
    const bool permutes =
        able == plan::Permutes::two_registers || (able == plan::Permutes::f32 && sizeof(T) == 4);
    if (permutes && lanes_ > 1 && lanes_ <= native && size <= 2 * native) {
      return first_of(permute(table, size, native, first_of(index, native)), lanes_);
    }
    llvm::GlobalVariable* base = e_.module.table(
        llvm::ConstantDataArray::get(e_.b.getContext(), llvm::ArrayRef<T>(table, size)));
    if (e_.target().fma && lanes_ > 1) {  // AVX2 and later
      llvm::Value* addresses = e_.b.CreateGEP(float_->getScalarType(), base, index);
      return e_.b.CreateMaskedGather(float_, addresses, llvm::Align(sizeof(T)));
    }
    Value result = llvm::PoisonValue::get(float_);
    for (unsigned j = 0; j < lanes_; ++j) {
      Value lane = e_.b.CreateSExt(e_.b.CreateExtractElement(index, j), e_.b.getInt64Ty());
      Value loaded = e_.b.CreateLoad(float_->getScalarType(), e_.element(base, dtype_of<T>, lane));
      result = e_.b.CreateInsertElement(result, loaded, j);
    }
    return result;
  }

 private:
  // From here on every number is integral; adding and subtracting it rounds.
  static constexpr T kIntegral = T{1} / std::numeric_limits<T>::epsilon();

  // The first `count` lanes; those that are not there are anything.
  Value first_of(Value lanes, unsigned count) const {
    const auto present = llvm::cast<llvm::FixedVectorType>(lanes->getType())->getNumElements();
    if (present == count) return lanes;
    std::vector<int> mask(count, llvm::PoisonMaskElem);
    for (unsigned i = 0; i < std::min(present, count); ++i) mask[i] = static_cast<int>(i);
    return e_.b.CreateShuffleVector(lanes, mask);
  }

  // Of a whole register of indices.
  Value permute(const T* table, unsigned size, unsigned native, Bits index) const {
    std::vector<T> low(native), high(native);
    for (unsigned i = 0; i < size; ++i) (i < native ? low[i] : high[i - native]) = table[i];
    const auto constant_of = [&](const std::vector<T>& half) -> Value {
      return llvm::ConstantDataVector::get(e_.b.getContext(), llvm::ArrayRef<T>(half));
    };
    return x86::permute(e_, constant_of(low), size <= native ? nullptr : constant_of(high), index);
  }

  bool has_rounding() const { return e_.target().rounding; }
  // `rounded` with the sign of a, but a itself where it is integral already (or not a number).
  Value keep_large(Value a, Value rounded) const {
    const Bits sign = iand(bits(a), integer(std::numeric_limits<Int>::min()));
    return select(lt(abs(a), constant(kIntegral)), value(ior(bits(abs(rounded)), sign)), a);
  }
  Value unary(llvm::Intrinsic::ID id, Value a) const { return e_.b.CreateUnaryIntrinsic(id, a); }

  Emitter& e_;
  unsigned lanes_;
  llvm::Type* float_;
  llvm::Type* int_;
};

}  // namespace mlpjit::codegen
