#include "lib/codegen/emitter.h"

#include <algorithm>
#include <cstring>

#include <llvm/IR/Constants.h>
#include <llvm/IR/Intrinsics.h>

#include "lib/codegen/module_builder.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {

Emitter::Emitter(ModuleBuilder& builder, llvm::Function* made, Value* batch)
    : module(builder), b(builder.context()), function(made), batch_(batch) {
  b.SetInsertPoint(llvm::BasicBlock::Create(builder.context(), "entry", made));
}

const plan::Target& Emitter::target() const {
  return module.plan().target;
}

llvm::Type* Emitter::scalar_type(DType dtype) {
  return dtype == DType::boolean ? b.getInt1Ty() : memory_type(dtype);
}

llvm::Type* Emitter::memory_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return b.getFloatTy();
    case DType::f64: return b.getDoubleTy();
    case DType::i32: return b.getInt32Ty();
    case DType::i64: return b.getInt64Ty();
    case DType::boolean: return b.getInt8Ty();
  }
  throw InternalError("codegen: unknown dtype");
}

llvm::Type* Emitter::lanes_type(DType dtype, int lanes) {
  return llvm::FixedVectorType::get(scalar_type(dtype), static_cast<unsigned>(lanes));
}

int Emitter::native_lanes(DType dtype) const {
  return target().lanes(size_of(dtype));
}

llvm::ConstantInt* Emitter::bits(const ir::Literal& scalar) {
  switch (scalar.dtype) {
    case DType::f32:
    case DType::i32: {
      std::uint32_t bits = 0;
      std::memcpy(&bits, scalar.data(), sizeof bits);
      return b.getInt32(bits);
    }
    case DType::f64:
    case DType::i64: {
      std::uint64_t bits = 0;
      std::memcpy(&bits, scalar.data(), sizeof bits);
      return b.getInt64(bits);
    }
    case DType::boolean: break;
  }
  return b.getInt1(*static_cast<const unsigned char*>(scalar.data()) != 0);
}

Value* Emitter::splat(const ir::Literal& scalar, int lanes) {
  llvm::Constant* constant =
      llvm::ConstantExpr::getBitCast(bits(scalar), scalar_type(scalar.dtype));
  return llvm::ConstantVector::getSplat(llvm::ElementCount::getFixed(static_cast<unsigned>(lanes)),
                                        constant);
}

Value* Emitter::splat(const plan::Body::Scalar& scalar, int lanes) {
  const auto argument = arguments_.find(&scalar);
  if (argument == arguments_.end()) return splat(scalar.literal, lanes);
  return in_prologue([&] {
    Value* value = b.CreateTrunc(argument->second, bits(scalar.literal)->getType());
    value = b.CreateBitCast(value, scalar_type(scalar.literal.dtype));
    return b.CreateVectorSplat(static_cast<unsigned>(lanes), value);
  });
}

Value* Emitter::zero(DType dtype, int lanes) {
  return llvm::Constant::getNullValue(lanes_type(dtype, lanes));
}

Value* Emitter::in_prologue(const std::function<Value*()>& emit) {
  llvm::IRBuilderBase::InsertPointGuard guard(b);
  llvm::BasicBlock& entry = function->getEntryBlock();
  const auto begin =
      prologue_end_ == nullptr ? entry.begin() : std::next(prologue_end_->getIterator());
  b.SetInsertPoint(&entry, begin);
  Value* made = emit();
  if (const auto end = b.GetInsertPoint(); end != entry.begin()) prologue_end_ = &*std::prev(end);
  return made;
}

Value* Emitter::number(const std::int64_t& field) {
  const auto argument = arguments_.find(&field);
  return argument == arguments_.end() ? i64(field) : argument->second;
}

Value* Emitter::extent(const plan::Extent& extent) {
  if (const auto argument = arguments_.find(&extent); argument != arguments_.end())
    return argument->second;
  if (extent.is_known()) return i64(extent.known());
  for (const auto& [known, value] : extents_) {
    if (known == extent) return value;
  }
  if (batch_ == nullptr) throw InternalError("codegen: a size that is not known in shared code");
  Value* made = in_prologue([&] {
    Value* sum = i64(extent.term(extent.degree()));
    for (int i = extent.degree() - 1; i >= 0; --i)
      sum = plus(times(sum, batch_), i64(extent.term(i)));
    return sum;
  });
  extents_.emplace_back(extent, made);
  return made;
}

Value* Emitter::whole(const plan::Extent& count, std::int64_t step) {
  const bool constant = count.is_known() && !arguments_.contains(&count);
  if (constant) return i64(count.known() / step * step);
  if (count.multiple_of(step)) return extent(count);
  Value* all = extent(count);
  return in_prologue([&] { return b.CreateAnd(all, i64(-step)); });
}

namespace {

bool is(Value* value, std::int64_t number) {
  const auto* known = llvm::dyn_cast<llvm::ConstantInt>(value);
  return known != nullptr && known->getSExtValue() == number;
}

}  // namespace

Value* Emitter::times(Value* a, Value* c) {
  if (is(a, 0) || is(c, 1)) return a;
  if (is(c, 0) || is(a, 1)) return c;
  return b.CreateNSWMul(a, c);
}

Value* Emitter::plus(Value* a, Value* c) {
  if (is(a, 0)) return c;
  if (is(c, 0)) return a;
  return b.CreateNSWAdd(a, c);
}

Value* Emitter::element(Value* base, DType dtype, Value* index) {
  if (is(index, 0)) return base;
  return b.CreateInBoundsGEP(memory_type(dtype), base, index);
}

Value* Emitter::offset(std::span<const plan::Extent> strides, std::span<Value* const> indices) {
  Value* sum = i64(0);
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (strides[d] == 0) continue;
    sum = plus(sum, times(indices[d], extent(strides[d])));
  }
  return sum;
}

Value* Emitter::stack(DType dtype, std::int64_t elements) {
  llvm::IRBuilderBase::InsertPointGuard guard(b);
  llvm::BasicBlock& entry = function->getEntryBlock();
  b.SetInsertPoint(&entry, entry.begin());
  auto* type = llvm::ArrayType::get(memory_type(dtype), static_cast<std::uint64_t>(elements));
  llvm::AllocaInst* made = b.CreateAlloca(type);
  made->setAlignment(llvm::Align(64));
  return made;
}

Value* Emitter::load(Value* pointer, DType dtype, int lanes, Value* mask, unsigned align) {
  auto* type = llvm::FixedVectorType::get(memory_type(dtype), static_cast<unsigned>(lanes));
  const llvm::Align alignment(align != 0 ? align : size_of(dtype));
  // With zeros in the lanes left out, LLVM 19 on SSE2 takes 0 / 0 for 0 and drops the select that
  // keeps its NaN out of a reduction; with ones it does not.
  llvm::Constant* left_out = llvm::Constant::getNullValue(type);
  if (!module.plan().target.fma && is_floating(dtype)) left_out = llvm::ConstantFP::get(type, 1.0);
  Value* value = mask == nullptr
                     ? static_cast<Value*>(b.CreateAlignedLoad(type, pointer, alignment))
                     : b.CreateMaskedLoad(type, pointer, alignment, mask, left_out);
  return dtype == DType::boolean ? b.CreateICmpNE(value, llvm::Constant::getNullValue(type))
                                 : value;
}

void Emitter::store(Value* value, Value* pointer, DType dtype, int lanes, Value* mask) {
  auto* type = llvm::FixedVectorType::get(memory_type(dtype), static_cast<unsigned>(lanes));
  if (dtype == DType::boolean) value = b.CreateZExt(value, type);
  const llvm::Align alignment(size_of(dtype));
  if (mask == nullptr) {
    b.CreateAlignedStore(value, pointer, alignment);
  } else {
    b.CreateMaskedStore(value, pointer, alignment, mask);
  }
}

void Emitter::stream(Value* value, Value* pointer, DType dtype, int lanes) {
  const llvm::Align alignment(size_of(dtype) * static_cast<std::size_t>(lanes));
  llvm::StoreInst* made = b.CreateAlignedStore(value, pointer, alignment);
  auto* one = llvm::ConstantAsMetadata::get(b.getInt32(1));
  made->setMetadata(llvm::LLVMContext::MD_nontemporal, llvm::MDNode::get(b.getContext(), one));
}

void Emitter::prefetch(Value* pointer, DType dtype, std::int64_t index) {
  constexpr std::uint32_t kForReading = 0, kIntoL2 = 2, kData = 1;
  Value* at = b.CreateGEP(memory_type(dtype), pointer, i64(index));
  b.CreateIntrinsic(llvm::Intrinsic::prefetch, {b.getPtrTy()},
                    {at, b.getInt32(kForReading), b.getInt32(kIntoL2), b.getInt32(kData)});
}

Value* Emitter::load_splat(Value* pointer, DType dtype, int lanes) {
  Value* scalar = b.CreateAlignedLoad(memory_type(dtype), pointer, llvm::Align(size_of(dtype)));
  if (dtype == DType::boolean) scalar = b.CreateICmpNE(scalar, b.getInt8(0));
  return b.CreateVectorSplat(static_cast<unsigned>(lanes), scalar);
}

Value* Emitter::load_strided(Value* pointer, DType dtype, int lanes, Value* stride, Value* last) {
  auto* type = llvm::FixedVectorType::get(memory_type(dtype), static_cast<unsigned>(lanes));
  Value* value = llvm::PoisonValue::get(type);
  for (int j = 0; j < lanes; ++j) {
    Value* index =
        last == nullptr ? i64(j) : b.CreateSelect(b.CreateICmpULT(i64(j), last), i64(j), last);
    Value* at = element(pointer, dtype, times(index, stride));
    Value* lane = b.CreateAlignedLoad(memory_type(dtype), at, llvm::Align(size_of(dtype)));
    value = b.CreateInsertElement(value, lane, static_cast<std::uint64_t>(j));
  }
  return dtype == DType::boolean ? b.CreateICmpNE(value, llvm::Constant::getNullValue(type))
                                 : value;
}

Value* Emitter::first_lanes(int lanes, Value* count) {
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(count))
    return first_lanes(lanes, known->getSExtValue());
  llvm::SmallVector<std::uint32_t, 16> numbers;
  for (int j = 0; j < lanes; ++j) numbers.push_back(static_cast<std::uint32_t>(j));
  Value* number = llvm::ConstantDataVector::get(b.getContext(), numbers);
  // Counts beyond the lanes saturate, so that 32 bits are enough.
  Value* most = i64(lanes);
  Value* capped = b.CreateSelect(b.CreateICmpSLT(count, most), count, most);
  capped = b.CreateSelect(b.CreateICmpSLT(capped, i64(0)), i64(0), capped);
  Value* bound =
      b.CreateVectorSplat(static_cast<unsigned>(lanes), b.CreateTrunc(capped, b.getInt32Ty()));
  return b.CreateICmpULT(number, bound);
}

Value* Emitter::first_lanes(int lanes, std::int64_t count) {
  llvm::SmallVector<llvm::Constant*, 16> mask;
  for (int j = 0; j < lanes; ++j) mask.push_back(b.getInt1(j < count));
  return llvm::ConstantVector::get(mask);
}

Values Emitter::loop(Value* begin, Value* end, std::int64_t step, const Values& initial,
                     const LoopBody& body) {
  const auto* first = llvm::dyn_cast<llvm::ConstantInt>(begin);
  const auto* last = llvm::dyn_cast<llvm::ConstantInt>(end);
  const bool known = first != nullptr && last != nullptr;
  if (known && first->getSExtValue() >= last->getSExtValue()) return initial;
  if (known && first->getSExtValue() + step >= last->getSExtValue()) return body(begin, initial);

  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock* header = llvm::BasicBlock::Create(b.getContext(), "loop", function);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "after", function);
  if (known) {
    b.CreateBr(header);
  } else {
    b.CreateCondBr(b.CreateICmpSLT(begin, end), header, after);
  }
  b.SetInsertPoint(header);
  llvm::PHINode* index = b.CreatePHI(b.getInt64Ty(), 2);
  index->addIncoming(begin, before);
  std::vector<llvm::PHINode*> carried;
  for (Value* value : initial) {
    carried.push_back(b.CreatePHI(value->getType(), 2));
    carried.back()->addIncoming(value, before);
  }
  Values next = body(index, Values(carried.begin(), carried.end()));
  llvm::BasicBlock* latch = b.GetInsertBlock();
  Value* increased = b.CreateAdd(index, i64(step), "", true, true);
  index->addIncoming(increased, latch);
  for (std::size_t i = 0; i < carried.size(); ++i) carried[i]->addIncoming(next[i], latch);
  b.CreateCondBr(b.CreateICmpSLT(increased, end), header, after);

  b.SetInsertPoint(after);
  if (known) return next;
  Values results;
  for (std::size_t i = 0; i < initial.size(); ++i) {
    llvm::PHINode* result = b.CreatePHI(initial[i]->getType(), 2);
    result->addIncoming(initial[i], before);
    result->addIncoming(next[i], latch);
    results.push_back(result);
  }
  return results;
}

void Emitter::loop(Value* begin, Value* end, std::int64_t step,
                   const std::function<void(Value* i)>& body) {
  loop(begin, end, step, {}, [&](Value* i, const Values&) {
    body(i);
    return Values{};
  });
}

void Emitter::nest(std::span<const plan::Extent> loops,
                   const std::function<void(std::span<Value* const> indices)>& body) {
  Values indices;
  const std::function<void()> enter = [&] {
    const std::size_t depth = indices.size();
    if (depth == loops.size()) return body(indices);
    loop(i64(0), extent(loops[depth]), 1, [&](Value* i) {
      indices.push_back(i);
      enter();
      indices.pop_back();
    });
  };
  enter();
}

Value* Emitter::choose(Value* condition, const std::function<Value*()>& then,
                       const std::function<Value*()>& otherwise) {
  std::pair<Value*, llvm::BasicBlock*> values[2];
  const auto one = [&](std::size_t side, const std::function<Value*()>& make) {
    Value* made = make();
    values[side] = {made, b.GetInsertBlock()};
  };
  branch(condition, [&] { one(0, then); }, [&] { one(1, otherwise); });
  llvm::PHINode* chosen = b.CreatePHI(values[0].first->getType(), 2);
  for (const auto& [value, from] : values) chosen->addIncoming(value, from);
  return chosen;
}

void Emitter::branch(Value* condition, const std::function<void()>& then,
                     const std::function<void()>& otherwise) {
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition)) {
    if (known->isOne()) return then();
    return otherwise ? otherwise() : void();
  }
  llvm::BasicBlock* yes = llvm::BasicBlock::Create(b.getContext(), "then", function);
  llvm::BasicBlock* no =
      otherwise ? llvm::BasicBlock::Create(b.getContext(), "else", function) : nullptr;
  llvm::BasicBlock* join = llvm::BasicBlock::Create(b.getContext(), "join", function);
  b.CreateCondBr(condition, yes, otherwise ? no : join);
  b.SetInsertPoint(yes);
  then();
  b.CreateBr(join);
  if (otherwise) {
    b.SetInsertPoint(no);
    otherwise();
    b.CreateBr(join);
  }
  b.SetInsertPoint(join);
}

Value* Emitter::fma(Value* a, Value* x, Value* c) {
  if (target().fma) return b.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, x, c});
  return b.CreateCall(module.fma_helper(a->getType()), {runtime(), a, x, c});
}

}  // namespace mlpjit::codegen
