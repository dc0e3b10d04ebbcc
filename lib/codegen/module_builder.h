#pragma once
// Plan to LLVM module: driver functions for the steps, an entry that calls them in order, kernels
// shared by shape.

#include <memory>
#include <string>
#include <unordered_map>

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include "lib/codegen/emitter.h"
#include "lib/codegen/known_functions.h"
#include "lib/codegen/shared_steps.h"

namespace mlpjit::codegen {

class ModuleBuilder {
 public:
  // Functions of steps and micro-kernels that are `known` are declared only, and new ones exported;
  // with null all are the module's own.
  ModuleBuilder(llvm::LLVMContext& context, const plan::Plan& plan, const KnownFunctions* known);

  std::unique_ptr<llvm::Module> build();
  // Of the module that was built.
  const std::vector<object::Use>& uses() const { return uses_; }
  const std::vector<std::string>& exports() const { return exports_; }

  llvm::LLVMContext& context() { return context_; }
  const plan::Plan& plan() const { return plan_; }
  const ir::Function& main() const { return plan_.graph->main(); }

  // A new function void(runtime, ...) or as `type` says, with the target's attributes.
  llvm::Function* add_function(llvm::FunctionType* type, const std::string& name,
                               bool exported = false);
  // The function known by `key`, which is its name in a dump, and `rest`: both have all that it is
  // made from. `emit` fills it the first time.
  llvm::Function* shared(const std::string& key, const std::string& rest, llvm::FunctionType* type,
                         const std::function<void(llvm::Function*)>& emit);
  // (runtime, a, x, c) -> a * x + c lane by lane through the runtime table.
  llvm::Function* fma_helper(llvm::Type* type);
  // The driver function of a step; null for a library step.
  llvm::Function* driver(std::uint32_t step) const { return drivers_[step]; }
  const SharedSteps& shared_steps() const { return shared_steps_; }
  // A read-only table of the module.
  llvm::GlobalVariable* table(llvm::Constant* data);

 private:
  struct Made {
    llvm::Function* function;
    bool to_be_filled;
  };
  // A function that programs have in common: `name` is its name where it is this module's own.
  Made common_function(llvm::FunctionType* type, std::string_view kind, std::string_view form,
                       const std::string& name);
  Made declare_step(std::uint32_t index);
  void emit_step(std::uint32_t index);
  void emit_entry();

  llvm::LLVMContext& context_;
  const plan::Plan& plan_;
  const KnownFunctions* const known_;
  const SharedSteps shared_steps_;
  std::unique_ptr<llvm::Module> module_;
  std::unordered_map<std::string, llvm::Function*> shared_;
  std::unordered_map<llvm::Constant*, llvm::GlobalVariable*> tables_;
  std::vector<llvm::Function*> drivers_;
  std::vector<object::Use> uses_;
  std::vector<std::string> exports_;
};

// A driver function under construction: (runtime, slots, workspace, batch), and (begin, end,
// scratch) of a step that is divided into units (RangeFunction of abi.h). One that several steps
// share is (runtime, batch, StepArguments...).
class Driver : public Emitter {
 public:
  Driver(ModuleBuilder& module, llvm::Function* function, std::uint32_t step);
  bool divided() const { return units_.divided(); }
  std::uint32_t step() const { return step_; }
  // [begin, end) of `count` that this call has to do: its units times what one unit is. All of it
  // where the step is not divided.
  struct Range {
    Value *begin, *end;
  };
  Range range(const plan::Extent& count);
  // How `count` elements are passed in vectors of `lanes`, a power of two: whole ones from `begin`
  // to `whole`, the others up to `end`. As a `part`, those of the units of this call.
  struct Vectors {
    Value *begin, *whole, *end;
  };
  Vectors vectors(const plan::Extent& count, std::int64_t lanes, bool part);
  // Where an access is in a turn of its loops.
  Value* at(const plan::Access& access, std::span<Value* const> indices);
  // As Emitter::nest, where the units are turns of the outermost loop.
  void nest(std::span<const plan::Extent> loops,
            const std::function<void(std::span<Value* const> indices)>& body);
  // What only this call uses: the thread's own, or of the workspace.
  Value* scratch(plan::BufferId buffer) {
    return divided() ? function->getArg(6) : pointer(buffer);
  }
  // The first byte of a buffer; loaded once per function, at its beginning.
  Value* pointer(plan::BufferId buffer);
  // The same, loaded here and now.
  Value* pointer_now(plan::BufferId buffer);
  DType dtype(plan::BufferId buffer) const;

 private:
  const std::uint32_t step_;
  const plan::Units& units_;
  std::unordered_map<plan::BufferId, Value*> pointers_;
};

// In a function (runtime, slots, workspace, batch, ...): the first byte of a buffer, loaded here
// and now, and the memory of the workspace at its offset.
Value* address(Emitter& emitter, const plan::Buffer& buffer);
Value* workspace_memory(Emitter& emitter, const plan::Buffer& buffer);

// Emits calls of steps in order into a function (runtime, slots, workspace) -> status. The first
// that fails ends it with its status.
class StepCalls {
 public:
  explicit StepCalls(Emitter& emitter) : e_(emitter) {}
  void emit(plan::StepRange range);

 private:
  void emit_calls(std::span<const std::uint32_t> steps);
  Value* call_part(std::span<const std::uint32_t> steps);
  Value* call(std::uint32_t step);
  void call_shared(std::uint32_t step, const StepArguments& arguments);
  void call_divided(std::uint32_t step);
  void end_on_failure(Value* status);

  Emitter& e_;
  llvm::BasicBlock* failed_ = nullptr;
  llvm::PHINode* status_ = nullptr;
};

// Whether the function of a step ends with a status: control flow, and lookups, which may fail.
bool has_status(const plan::Kernel& kernel);
// The status of a step as the interpreter runs it, through the runtime table.
Value* emit_library_call(Emitter& emitter, std::uint32_t step);

// One for each kernel of a plan; those with a status end their function with it, all others leave
// it open. Library steps are run by the caller.
void emit(Driver& driver, const plan::ElementwiseKernel& kernel);
void emit(Driver& driver, const plan::TransposeKernel& kernel);
void emit(Driver& driver, const plan::DenseKernel& kernel);
void emit(Driver& driver, const plan::NarrowDenseKernel& kernel);
void emit(Driver& driver, const plan::MatrixVectorKernel& kernel);
void emit(Driver& driver, const plan::ReductionKernel& kernel);
void emit(Driver& driver, const plan::ColumnReductionKernel& kernel);
void emit(Driver& driver, const plan::RowKernel& kernel);
void emit(Driver& driver, const plan::CopyKernel& kernel);
void emit(Driver& driver, const plan::GatherKernel& kernel);
void emit(Driver& driver, const plan::OneHotKernel& kernel);
void emit(Driver& driver, const plan::CondKernel& kernel);
void emit(Driver& driver, const plan::WhileKernel& kernel);
void emit(Driver& driver, const plan::ScanKernel& kernel);
inline void emit(Driver& /*driver*/, const plan::LibraryKernel& /*kernel*/) {}

}  // namespace mlpjit::codegen
