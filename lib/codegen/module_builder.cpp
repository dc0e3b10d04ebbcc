#include "lib/codegen/module_builder.h"

#include <cstddef>

#include <fmt/format.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Triple.h>

#include "lib/codegen/abi.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {

ModuleBuilder::ModuleBuilder(llvm::LLVMContext& context, const plan::Plan& plan,
                             const KnownFunctions* known)
    : context_(context),
      plan_(plan),
      known_(known),
      shared_steps_(plan),
      module_(std::make_unique<llvm::Module>("mlpjit", context)) {
  module_->setTargetTriple(plan.target.triple);
  module_->setPICLevel(llvm::PICLevel::BigPIC);
}

std::unique_ptr<llvm::Module> ModuleBuilder::build() {
  std::vector<std::uint32_t> to_be_filled;
  for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
    const Made made = declare_step(i);
    drivers_.push_back(made.function);
    if (made.to_be_filled) to_be_filled.push_back(i);
  }
  for (const std::uint32_t i : to_be_filled) emit_step(i);
  emit_entry();
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

ModuleBuilder::Made ModuleBuilder::common_function(llvm::FunctionType* type, std::string_view kind,
                                                   std::string_view form, const std::string& name) {
  if (known_ == nullptr) return {add_function(type, name), true};
  const std::string symbol = symbol_of(kind, form, plan_.target);
  if (auto object = known_->find(symbol)) {
    uses_.push_back({symbol, std::move(object)});
    return {llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, symbol, *module_),
            false};
  }
  exports_.push_back(symbol);
  llvm::Function* made = add_function(type, symbol, true);
  made->setDSOLocal(true);
  return {made, true};
}

llvm::Function* ModuleBuilder::shared(const std::string& key, const std::string& rest,
                                      llvm::FunctionType* type,
                                      const std::function<void(llvm::Function*)>& emit) {
  const std::string form = key + ' ' + rest;
  auto [at, is_new] = shared_.try_emplace(form, nullptr);
  if (!is_new) return at->second;
  const Made made = common_function(type, key.substr(0, key.find('.')), form, key);
  at->second = made.function;  // before emitting, which may add others and move the table
  if (made.to_be_filled) emit(made.function);
  return made.function;
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
  return shared(key, "", signature, [&](llvm::Function* made) {
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

ModuleBuilder::Made ModuleBuilder::declare_step(std::uint32_t index) {
  const plan::Step& step = plan_.steps[index];
  if (std::holds_alternative<plan::LibraryKernel>(step.kernel)) return {nullptr, false};
  if (shared_steps_.owner(index) != index) return {drivers_[shared_steps_.owner(index)], false};
  auto* pointer = llvm::PointerType::get(context_, 0);
  auto* i64 = llvm::Type::getInt64Ty(context_);
  auto* result = has_status(step.kernel) ? i64 : llvm::Type::getVoidTy(context_);
  std::vector<llvm::Type*> arguments = {pointer, pointer, pointer, i64};
  const StepArguments* shared = shared_steps_.arguments(index);
  if (shared != nullptr) {
    arguments = {pointer, i64};
    arguments.insert(arguments.end(), shared->buffers.size(), pointer);
    arguments.insert(arguments.end(), shared->counts.size() + shared->scalars.size(), i64);
  }
  if (step.units.divided()) arguments.insert(arguments.end(), {i64, i64, pointer});
  auto* type = llvm::FunctionType::get(result, arguments, false);
  const std::string* form = shared_steps_.form(index);
  if (shared == nullptr || form == nullptr) return {add_function(type, step.name), true};
  return common_function(type, plan::kind_of(step.kernel), *form, step.name);
}

void ModuleBuilder::emit_step(std::uint32_t index) {
  Driver driver(*this, drivers_[index], index);
  const plan::Kernel& step = plan_.steps[index].kernel;
  std::visit([&](const auto& kernel) { emit(driver, kernel); }, step);
  if (!has_status(step)) driver.b.CreateRetVoid();
}

void ModuleBuilder::emit_entry() {
  auto* pointer = llvm::PointerType::get(context_, 0);
  auto* i64 = llvm::Type::getInt64Ty(context_);
  auto* type = llvm::FunctionType::get(i64, {pointer, pointer, pointer, i64}, false);
  llvm::Function* entry = add_function(type, kEntryName, true);
  Emitter e(*this, entry, entry->getArg(3));
  StepCalls(e).emit(plan_.all_steps());
  e.b.CreateRet(e.i64(0));
}

Driver::Driver(ModuleBuilder& builder, llvm::Function* made, std::uint32_t step)
    : Emitter(builder, made,
              made->getArg(builder.shared_steps().arguments(step) == nullptr ? 3 : 1)),
      step_(step),
      units_(builder.plan().steps[step].units) {
  const StepArguments* arguments = builder.shared_steps().arguments(step);
  if (arguments == nullptr) return;
  unsigned number = 2;
  for (const plan::BufferId id : arguments->buffers) pointers_.emplace(id, made->getArg(number++));
  for (const StepArguments::Count& count : arguments->counts)
    arguments_.emplace(count.field, made->getArg(number++));
  for (const auto* scalar : arguments->scalars) arguments_.emplace(scalar, made->getArg(number++));
}

Value* Driver::pointer(plan::BufferId id) {
  const auto known = pointers_.find(id);
  if (known != pointers_.end()) return known->second;
  Value* made = in_prologue([&] { return pointer_now(id); });
  pointers_.emplace(id, made);
  return made;
}

Value* Driver::pointer_now(plan::BufferId id) {
  return address(*this, module.plan().buffers[id]);
}

Driver::Range Driver::range(const plan::Extent& count) {
  if (!divided()) return {i64(0), extent(count)};
  Value *begin = function->getArg(4), *end = function->getArg(5);
  if (units_.unit == 1) return {begin, end};
  Value *all = extent(count), *most = times(end, i64(units_.unit));
  return {times(begin, i64(units_.unit)), b.CreateSelect(b.CreateICmpSLT(most, all), most, all)};
}

Driver::Vectors Driver::vectors(const plan::Extent& count, std::int64_t lanes, bool part) {
  if (!part) return {i64(0), whole(count, lanes), extent(count)};
  const auto [begin, end] = range(count);
  return {begin, plus(begin, b.CreateAnd(b.CreateNSWSub(end, begin), i64(-lanes))), end};
}

Value* Driver::at(const plan::Access& access, std::span<Value* const> indices) {
  Value* index = plus(extent(access.first), offset(access.strides, indices));
  return element(pointer(access.buffer), dtype(access.buffer), index);
}

void Driver::nest(std::span<const plan::Extent> loops,
                  const std::function<void(std::span<Value* const> indices)>& body) {
  if (!divided() || loops.empty()) return Emitter::nest(loops, body);
  const Range outermost = range(loops[0]);
  loop(outermost.begin, outermost.end, 1, [&](Value* i) {
    Emitter::nest(loops.subspan(1), [&](std::span<Value* const> inner) {
      Values indices = {i};
      indices.insert(indices.end(), inner.begin(), inner.end());
      body(indices);
    });
  });
}

namespace {

// Its polynomial at max(batch, 1).
Value* workspace_offset(Emitter& e, const plan::Buffer& buffer) {
  const plan::Extent& offset = buffer.offset;
  if (offset.is_known()) return e.i64(offset.known());
  Value* batch = e.function->getArg(3);
  batch = e.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, batch, e.i64(1));
  Value* sum = e.i64(offset.term(offset.degree()));
  for (int i = offset.degree() - 1; i >= 0; --i)
    sum = e.plus(e.times(sum, batch), e.i64(offset.term(i)));
  return sum;
}

}  // namespace

Value* workspace_memory(Emitter& e, const plan::Buffer& buffer) {
  Value* workspace = e.function->getArg(2);
  return e.b.CreateInBoundsGEP(e.b.getInt8Ty(), workspace, workspace_offset(e, buffer));
}

Value* address(Emitter& e, const plan::Buffer& buffer) {
  if (buffer.place == plan::Place::slot) {
    Value* at = e.b.CreateConstInBoundsGEP1_64(e.b.getPtrTy(), e.function->getArg(1), buffer.slot);
    return e.b.CreateLoad(e.b.getPtrTy(), at);
  }
  Value* at = workspace_memory(e, buffer);
  return buffer.place == plan::Place::workspace ? at : e.b.CreateLoad(e.b.getPtrTy(), at);
}

DType Driver::dtype(plan::BufferId buffer) const {
  return module.plan().buffers[buffer].dtype;
}

}  // namespace mlpjit::codegen
