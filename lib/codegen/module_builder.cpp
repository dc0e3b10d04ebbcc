#include "lib/codegen/module_builder.h"

#include <cstddef>

#include <fmt/format.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Triple.h>

#include "lib/codegen/abi.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {

ModuleBuilder::ModuleBuilder(llvm::LLVMContext& context, const plan::Plan& plan)
    : context_(context), plan_(plan), module_(std::make_unique<llvm::Module>("mlpjit", context)) {
  module_->setTargetTriple(plan.target.triple);
  module_->setPICLevel(llvm::PICLevel::BigPIC);
}

std::unique_ptr<llvm::Module> ModuleBuilder::build() {
  std::vector<llvm::Function*> drivers;
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) drivers.push_back(emit_step(i));
  emit_entry(drivers);
#ifndef NDEBUG
  std::string faults;
  llvm::raw_string_ostream out(faults);
  if (llvm::verifyModule(*module_, &out)) throw InternalError("codegen: broken LLVM IR: " + faults);
#endif
  return std::move(module_);
}

llvm::Function* ModuleBuilder::add_function(llvm::FunctionType* type, const std::string& name,
                                            bool exported) {
  auto* made = llvm::Function::Create(
      type, exported ? llvm::GlobalValue::ExternalLinkage : llvm::GlobalValue::InternalLinkage,
      name, *module_);
  const std::string width = std::to_string(plan_.target.vector_bytes * 8);
  made->addFnAttr("target-cpu", plan_.target.cpu);
  made->addFnAttr("prefer-vector-width", width);
  made->addFnAttr("min-legal-vector-width", width);
  made->addFnAttr("frame-pointer", "all");
  made->addFnAttr(llvm::Attribute::NoUnwind);
  made->addFnAttr(llvm::Attribute::NoInline);
  return made;
}

llvm::Function* ModuleBuilder::shared(const std::string& key, llvm::FunctionType* type,
                                      const std::function<void(llvm::Function*)>& emit) {
  auto [at, is_new] = shared_.try_emplace(key, nullptr);
  if (is_new) {
    llvm::Function* made = add_function(type, key);
    at->second = made;  // before emitting, which may add others and move the table
    emit(made);
    return made;
  }
  return at->second;
}

llvm::GlobalVariable* ModuleBuilder::table(llvm::Constant* data) {
  llvm::GlobalVariable*& made = tables_[data];
  if (made == nullptr) {
    made = new llvm::GlobalVariable(*module_, data->getType(), true,
                                    llvm::GlobalValue::PrivateLinkage, data);
    made->setAlignment(llvm::Align(64));
  }
  return made;
}

llvm::Function* ModuleBuilder::fma_helper(llvm::Type* type) {
  auto* vector = llvm::cast<llvm::FixedVectorType>(type);
  llvm::Type* scalar = vector->getElementType();
  const bool is_float = scalar->isFloatTy();
  auto* pointer = llvm::PointerType::get(context_, 0);
  auto* signature = llvm::FunctionType::get(type, {pointer, type, type, type}, false);
  const std::string key =
      fmt::format("fma.v{}{}", vector->getNumElements(), is_float ? "f32" : "f64");
  return shared(key, signature, [&](llvm::Function* made) {
    Emitter e(*this, made);
    const std::size_t field = is_float ? offsetof(Runtime, fma_f32) : offsetof(Runtime, fma_f64);
    Value* at = e.b.CreateConstInBoundsGEP1_64(e.b.getInt8Ty(), e.runtime(), field);
    Value* callee = e.b.CreateLoad(pointer, at);
    auto* scalar_signature = llvm::FunctionType::get(scalar, {scalar, scalar, scalar}, false);
    Value* result = llvm::PoisonValue::get(type);
    for (unsigned j = 0; j < vector->getNumElements(); ++j) {
      Values lane;
      for (unsigned a = 1; a <= 3; ++a)
        lane.push_back(e.b.CreateExtractElement(made->getArg(a), j));
      result = e.b.CreateInsertElement(result, e.b.CreateCall(scalar_signature, callee, lane), j);
    }
    e.b.CreateRet(result);
  });
}

llvm::Function* ModuleBuilder::emit_step(std::size_t index) {
  const plan::Step& step = plan_.steps[index];
  if (std::holds_alternative<plan::LibraryKernel>(step.kernel)) return nullptr;
  auto* pointer = llvm::PointerType::get(context_, 0);
  auto* type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context_), {pointer, pointer, pointer}, false);
  llvm::Function* function = add_function(type, step.name);
  Driver driver(*this, function);
  std::visit(
      [&](const auto& kernel) {
        using K = std::decay_t<decltype(kernel)>;
        if constexpr (std::is_same_v<K, plan::ElementwiseKernel>) emit_elementwise(driver, kernel);
        if constexpr (std::is_same_v<K, plan::DenseKernel>) {
          kernel.lanes ? emit_dense_lanes(driver, kernel) : emit_dense(driver, kernel);
        }
        if constexpr (std::is_same_v<K, plan::ReductionKernel>) emit_reduction(driver, kernel);
        if constexpr (std::is_same_v<K, plan::RowKernel>) emit_row(driver, kernel);
        if constexpr (std::is_same_v<K, plan::CopyKernel>) emit_copy(driver, kernel);
      },
      step.kernel);
  driver.b.CreateRetVoid();
  return function;
}

// Calls the drivers in order; a library step that fails ends the call with its status.
void ModuleBuilder::emit_entry(const std::vector<llvm::Function*>& drivers) {
  auto* pointer = llvm::PointerType::get(context_, 0);
  auto* i64 = llvm::Type::getInt64Ty(context_);
  auto* i32 = llvm::Type::getInt32Ty(context_);
  auto* type = llvm::FunctionType::get(i64, {pointer, pointer, pointer}, false);
  llvm::Function* entry = add_function(type, kEntryName, true);
  Emitter e(*this, entry);
  llvm::BasicBlock* failed = nullptr;
  llvm::PHINode* status_of_failure = nullptr;
  for (std::size_t i = 0; i < drivers.size(); ++i) {
    if (drivers[i] != nullptr) {
      e.b.CreateCall(drivers[i], {entry->getArg(0), entry->getArg(1), entry->getArg(2)});
      continue;
    }
    auto* callee_type = llvm::FunctionType::get(i64, {pointer, i32, pointer, pointer}, false);
    Value* at =
        e.b.CreateConstInBoundsGEP1_64(e.b.getInt8Ty(), e.runtime(), offsetof(Runtime, library));
    Value* callee = e.b.CreateLoad(pointer, at);
    Value* status = e.b.CreateCall(callee_type, callee,
                                   {entry->getArg(0), e.b.getInt32(static_cast<std::uint32_t>(i)),
                                    entry->getArg(1), entry->getArg(2)});
    if (failed == nullptr) {
      failed = llvm::BasicBlock::Create(context_, "failed", entry);
      status_of_failure = llvm::PHINode::Create(i64, 2, "", failed);
      llvm::ReturnInst::Create(context_, status_of_failure, failed);
    }
    llvm::BasicBlock* next = llvm::BasicBlock::Create(context_, "next", entry);
    status_of_failure->addIncoming(status, e.b.GetInsertBlock());
    e.b.CreateCondBr(e.b.CreateICmpNE(status, e.i64(0)), failed, next);
    e.b.SetInsertPoint(next);
  }
  e.b.CreateRet(e.i64(0));
}

Value* Driver::pointer(plan::BufferId id) {
  const auto known = pointers_.find(id);
  if (known != pointers_.end()) return known->second;
  llvm::IRBuilderBase::InsertPointGuard guard(b);
  llvm::BasicBlock& entry = function->getEntryBlock();
  b.SetInsertPoint(&entry, entry.begin());
  const plan::Buffer& buffer = module.plan().buffers[id];
  Value* made = nullptr;
  if (buffer.place == plan::Place::workspace) {
    made = b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), function->getArg(2), buffer.offset);
  } else {
    Value* at = b.CreateConstInBoundsGEP1_64(b.getPtrTy(), function->getArg(1), buffer.slot);
    made = b.CreateLoad(b.getPtrTy(), at);
  }
  pointers_.emplace(id, made);
  return made;
}

DType Driver::dtype(plan::BufferId buffer) const {
  return module.plan().buffers[buffer].dtype;
}

}  // namespace mlpjit::codegen
