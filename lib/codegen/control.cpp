// Control flow: branches and loops around calls of steps. What changes from turn to turn are
// pointers in the workspace (plan::Place::indirect), which only the control step writes.

#include <algorithm>

#include "lib/codegen/abi.h"
#include "lib/codegen/module_builder.h"

namespace mlpjit::codegen {

namespace {

// LLVM takes quadratic time for the registers of a long block: more calls than `kMostCalls` go into
// functions of `kCallsOfPart`.
constexpr std::size_t kMostCalls = 256, kCallsOfPart = 128;

}  // namespace

bool has_status(const plan::Kernel& kernel) {
  return !plan::regions_of(kernel).empty() || plan::library_op(kernel) != nullptr;
}

Value* emit_library_call(Emitter& e, std::uint32_t step) {
  auto& b = e.b;
  auto* pointer = b.getPtrTy();
  auto* type =
      llvm::FunctionType::get(b.getInt64Ty(), {pointer, b.getInt32Ty(), pointer, pointer}, false);
  Value* at = b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), e.runtime(), offsetof(Runtime, library));
  return b.CreateCall(
      type, b.CreateLoad(pointer, at),
      {e.runtime(), b.getInt32(step), e.function->getArg(1), e.function->getArg(2)});
}

void StepCalls::emit(plan::StepRange range) {
  const plan::Plan& plan = e_.module.plan();
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = range.begin; i < range.end; i = plan.after(i)) steps.push_back(i);
  const std::span<const std::uint32_t> all = steps;
  if (all.size() <= kMostCalls) return emit_calls(all);
  for (std::size_t i = 0; i < all.size(); i += kCallsOfPart)
    end_on_failure(call_part(all.subspan(i, std::min(kCallsOfPart, all.size() - i))));
}

void StepCalls::emit_calls(std::span<const std::uint32_t> steps) {
  for (const std::uint32_t step : steps) {
    if (Value* status = call(step)) end_on_failure(status);
  }
}

// The status of a new function that calls them.
Value* StepCalls::call_part(std::span<const std::uint32_t> steps) {
  auto& b = e_.b;
  auto* type = llvm::FunctionType::get(
      b.getInt64Ty(), {b.getPtrTy(), b.getPtrTy(), b.getPtrTy(), b.getInt64Ty()}, false);
  llvm::Function *in = e_.function,
                 *made = e_.module.add_function(type, (in->getName() + ".steps").str());
  Emitter part(e_.module, made, made->getArg(3));
  StepCalls(part).emit_calls(steps);
  part.b.CreateRet(part.i64(0));
  return b.CreateCall(made, {in->getArg(0), in->getArg(1), in->getArg(2), in->getArg(3)});
}

// The status, or null where the step has none.
Value* StepCalls::call(std::uint32_t step) {
  llvm::Function* driver = e_.module.driver(step);
  if (driver == nullptr) return emit_library_call(e_, step);
  if (e_.module.plan().steps[step].units.divided()) return call_divided(step), nullptr;
  if (const StepArguments* arguments = e_.module.shared_steps().arguments(step))
    return call_shared(step, *arguments), nullptr;
  llvm::Function* in = e_.function;
  Value* status =
      e_.b.CreateCall(driver, {in->getArg(0), in->getArg(1), in->getArg(2), in->getArg(3)});
  return status->getType()->isVoidTy() ? nullptr : status;
}

// With the addresses that its buffers have now: those of a loop change from turn to turn.
void StepCalls::call_shared(std::uint32_t step, const StepArguments& arguments) {
  Values values = {e_.runtime(), e_.function->getArg(3)};
  for (const plan::BufferId id : arguments.buffers)
    values.push_back(address(e_, e_.module.plan().buffers[id]));
  for (const StepArguments::Count& count : arguments.counts) values.push_back(e_.i64(count.value));
  for (const plan::Body::Scalar* scalar : arguments.scalars)
    values.push_back(e_.b.getInt64(e_.bits(scalar->literal)->getZExtValue()));
  e_.b.CreateCall(e_.module.driver(step), values);
}

// Through the runtime table, or all units here.
void StepCalls::call_divided(std::uint32_t index) {
  auto& b = e_.b;
  const plan::Step& step = e_.module.plan().steps[index];
  llvm::Function *in = e_.function, *driver = e_.module.driver(index);
  Value* at =
      b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), e_.runtime(), offsetof(Runtime, parallel));
  Value *parallel = b.CreateLoad(b.getPtrTy(), at), *units = e_.extent(step.units.units);
  e_.branch(
      b.CreateIsNull(parallel),
      [&] {
        Value* scratch = llvm::ConstantPointerNull::get(b.getPtrTy());
        const auto* row = std::get_if<plan::RowKernel>(&step.kernel);
        if (row != nullptr && row->scratch >= 0) {
          const auto id = static_cast<plan::BufferId>(row->scratch);
          scratch = workspace_memory(e_, e_.module.plan().buffers[id]);
        }
        b.CreateCall(driver, {in->getArg(0), in->getArg(1), in->getArg(2), in->getArg(3), e_.i64(0),
                              units, scratch});
      },
      [&] {
        llvm::Type *pointer = b.getPtrTy(), *i64 = b.getInt64Ty();
        auto* type = llvm::FunctionType::get(
            b.getVoidTy(), {pointer, pointer, pointer, pointer, i64, i64, i64}, false);
        b.CreateCall(type, parallel,
                     {in->getArg(0), driver, in->getArg(1), in->getArg(2), in->getArg(3), units,
                      e_.i64(step.units.cycles)});
      });
}

void StepCalls::end_on_failure(Value* status) {
  auto& b = e_.b;
  if (failed_ == nullptr) {
    failed_ = llvm::BasicBlock::Create(b.getContext(), "failed", e_.function);
    status_ = llvm::PHINode::Create(b.getInt64Ty(), 2, "", failed_);
    llvm::ReturnInst::Create(b.getContext(), status_, failed_);
  }
  llvm::BasicBlock* next = llvm::BasicBlock::Create(b.getContext(), "next", e_.function);
  status_->addIncoming(status, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpNE(status, e_.i64(0)), failed_, next);
  b.SetInsertPoint(next);
}

namespace {

class Control {
 public:
  explicit Control(Driver& driver) : d_(driver), b_(driver.b), calls_(driver) {}

  void emit(const plan::CondKernel& kernel) {
    llvm::BasicBlock *then = block("then"), *otherwise = block("else"), *join = block("join");
    b_.CreateCondBr(is_true(kernel.predicate), then, otherwise);
    b_.SetInsertPoint(then);
    calls_.emit(kernel.then_steps);
    b_.CreateBr(join);
    b_.SetInsertPoint(otherwise);
    calls_.emit(kernel.else_steps);
    b_.CreateBr(join);
    end_at(join);
  }

  void emit(const plan::WhileKernel& kernel) {
    llvm::BasicBlock *turn = block("turn"), *condition = block("condition"), *body = block("body"),
                     *done = block("done");
    begin(kernel.carried, turn);
    b_.SetInsertPoint(turn);
    if (kernel.max_iterations < 0) {
      b_.CreateBr(condition);
    } else {
      b_.CreateCondBr(b_.CreateICmpSLT(index_, d_.i64(kernel.max_iterations)), condition, done);
    }
    b_.SetInsertPoint(condition);
    calls_.emit(kernel.condition_steps);
    b_.CreateCondBr(is_true(kernel.condition), body, done);
    b_.SetInsertPoint(body);
    calls_.emit(kernel.body_steps);
    finish_turn(kernel.carried, turn);
    end_at(done);
  }

  void emit(const plan::ScanKernel& kernel) {
    llvm::BasicBlock *turn = block("turn"), *body = block("body"), *done = block("done");
    const std::vector<plan::Sliced>* all[] = {&kernel.xs, &kernel.ys};
    for (const auto* slices : all) {
      for (const plan::Sliced& slice : *slices) d_.pointer(slice.whole);
    }
    begin(kernel.carried, turn);
    b_.SetInsertPoint(turn);
    b_.CreateCondBr(b_.CreateICmpSLT(index_, d_.extent(kernel.length)), body, done);
    b_.SetInsertPoint(body);
    for (const auto* slices : all) {
      for (const plan::Sliced& slice : *slices) {
        Value* at = b_.CreateNSWMul(index_, d_.extent(buffer(slice.entry).bytes));
        point(slice.entry, b_.CreateInBoundsGEP(b_.getInt8Ty(), d_.pointer(slice.whole), at));
      }
    }
    calls_.emit(kernel.body_steps);
    finish_turn(kernel.carried, turn);
    end_at(done);
  }

 private:
  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(b_.getContext(), name, d_.function);
  }
  const plan::Buffer& buffer(plan::BufferId id) const { return d_.module.plan().buffers[id]; }

  void end_at(llvm::BasicBlock* last) {
    b_.SetInsertPoint(last);
    b_.CreateRet(d_.i64(0));
  }

  Value* is_true(plan::BufferId id) {
    return b_.CreateICmpNE(b_.CreateLoad(b_.getInt8Ty(), d_.pointer_now(id)), b_.getInt8(0));
  }

  // From now on an indirect buffer is at `to`.
  void point(plan::BufferId id, Value* to) {
    Value* cell = b_.CreateConstInBoundsGEP1_64(
        b_.getInt8Ty(), d_.function->getArg(2),

        static_cast<std::uint64_t>(buffer(buffer(id).root).offset.known()));
    b_.CreateStore(to, cell);
  }

  // Goes to the first turn, with its number and for each carried value the memory that a turn
  // writes, and the other.
  void begin(const std::vector<plan::Carried>& carried, llvm::BasicBlock* turn) {
    Values first;
    for (const plan::Carried& each : carried) {
      point(each.current, d_.pointer_now(each.initial));
      point(each.next, d_.pointer_now(each.memory[0]));
      first.insert(first.end(), {d_.pointer_now(each.memory[0]), d_.pointer_now(each.memory[1])});
    }
    llvm::BasicBlock* before = b_.GetInsertBlock();
    b_.CreateBr(turn);
    b_.SetInsertPoint(turn);
    index_ = b_.CreatePHI(b_.getInt64Ty(), 2);
    index_->addIncoming(d_.i64(0), before);
    for (Value* memory : first) {
      memory_.push_back(b_.CreatePHI(b_.getPtrTy(), 2));
      memory_.back()->addIncoming(memory, before);
    }
  }

  // What was written becomes current, the other memory is next.
  void finish_turn(const std::vector<plan::Carried>& carried, llvm::BasicBlock* turn) {
    llvm::BasicBlock* latch = b_.GetInsertBlock();
    for (std::size_t i = 0; i < carried.size(); ++i) {
      llvm::PHINode *written = memory_[2 * i], *other = memory_[2 * i + 1];
      point(carried[i].current, written);
      point(carried[i].next, other);
      written->addIncoming(other, latch);
      other->addIncoming(written, latch);
    }
    index_->addIncoming(b_.CreateNSWAdd(index_, d_.i64(1)), latch);
    b_.CreateBr(turn);
  }

  Driver& d_;
  llvm::IRBuilder<>& b_;
  StepCalls calls_;
  llvm::PHINode* index_ = nullptr;
  std::vector<llvm::PHINode*> memory_;
};

}  // namespace

void emit(Driver& driver, const plan::CondKernel& kernel) {
  Control(driver).emit(kernel);
}

void emit(Driver& driver, const plan::WhileKernel& kernel) {
  Control(driver).emit(kernel);
}

void emit(Driver& driver, const plan::ScanKernel& kernel) {
  Control(driver).emit(kernel);
}

}  // namespace mlpjit::codegen
