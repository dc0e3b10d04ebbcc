#pragma once
// One LLVM function under construction, and what kernels share: types, loads and stores of lanes,
// loops.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include "lib/plan/plan.h"

namespace mlpjit::codegen {

using llvm::Value;
using Values = std::vector<Value*>;

class ModuleBuilder;

// Values of a kernel are lanes: <W x T>, and <W x i1> for bools (one byte each in memory).
class Emitter {
 public:
  // Begins the body of `function`, whose first argument is the runtime table.
  // With sizes that are not known: `batch` is their symbol's value.
  Emitter(ModuleBuilder& module, llvm::Function* function, Value* batch = nullptr);

  ModuleBuilder& module;
  llvm::IRBuilder<> b;
  llvm::Function* function;

  const plan::Target& target() const;
  Value* runtime() const { return function->getArg(0); }

  // Types.
  llvm::Type* scalar_type(DType dtype);  // in registers: bool is i1
  llvm::Type* memory_type(DType dtype);  // in memory: bool is i8
  llvm::Type* lanes_type(DType dtype, int lanes);
  int native_lanes(DType dtype) const;  // of one vector register

  // Constants.
  Value* i64(std::int64_t value) { return b.getInt64(static_cast<std::uint64_t>(value)); }
  llvm::ConstantInt* bits(const ir::Literal& scalar);
  Value* splat(const ir::Literal& scalar, int lanes);
  // A scalar of a body: immediate, or where steps share the function its argument.
  Value* splat(const plan::Body::Scalar& scalar, int lanes);
  Value* zero(DType dtype, int lanes);

  // Sizes: constants, arguments of the function, or values computed once, at its beginning.
  Value* extent(const plan::Extent& extent);
  // A number of the plan: a constant, or an argument.
  Value* number(const std::int64_t& field);
  // The largest multiple of `step` (a power of two, where the size is not known) within it.
  Value* whole(const plan::Extent& extent, std::int64_t step);

  // Sizes, which do not wrap around. With a known 0 or 1 there is nothing to calculate: LLVM takes
  // its time for each instruction, also for those that it finds needless.
  Value* times(Value* a, Value* c);
  Value* plus(Value* a, Value* c);

  // Addresses.
  Value* element(Value* base, DType dtype, Value* index);
  Value* element(Value* base, DType dtype, std::int64_t index) {
    return element(base, dtype, i64(index));
  }
  Value* offset(std::span<const plan::Extent> strides, std::span<Value* const> indices);

  // Memory of the function's frame, aligned to 64.
  Value* stack(DType dtype, std::int64_t elements);

  // Lanes from and to memory, aligned to the element only unless said. `mask` (may be null: all)
  // are the lanes touched; the others read as zero.
  Value* load(Value* pointer, DType dtype, int lanes, Value* mask = nullptr, unsigned align = 0);
  void store(Value* value, Value* pointer, DType dtype, int lanes, Value* mask = nullptr);
  // Of a whole register, past the caches; aligned to it. x86::order_streams() comes after all.
  void stream(Value* value, Value* pointer, DType dtype, int lanes);
  Value* load_splat(Value* pointer, DType dtype, int lanes);
  // The line of pointer[index] into L2, where it is memory.
  void prefetch(Value* pointer, DType dtype, std::int64_t index);
  // Lane j from pointer[min(j, last) * stride].
  Value* load_strided(Value* pointer, DType dtype, int lanes, Value* stride, Value* last);

  // The first `count` of `lanes`.
  Value* first_lanes(int lanes, Value* count);
  Value* first_lanes(int lanes, std::int64_t count);

  // for (i = begin; i < end; i += step), with values carried from turn to turn; gives their last
  // values. Begin and end may be constants, then an empty loop is not emitted.
  using LoopBody = std::function<Values(Value* i, const Values& carried)>;
  Values loop(Value* begin, Value* end, std::int64_t step, const Values& initial,
              const LoopBody& body);
  void loop(Value* begin, Value* end, std::int64_t step, const std::function<void(Value* i)>& body);
  void loop(std::int64_t begin, std::int64_t end, std::int64_t step,
            const std::function<void(Value* i)>& body) {
    loop(i64(begin), i64(end), step, body);
  }
  // A nest of loops from 0, outermost first.
  void nest(std::span<const plan::Extent> loops,
            const std::function<void(std::span<Value* const> indices)>& body);
  // if (condition) ... else ...; of a constant, one side only.
  void branch(Value* condition, const std::function<void()>& then,
              const std::function<void()>& otherwise = {});

  // condition ? then() : otherwise(), of which only one is run.
  Value* choose(Value* condition, const std::function<Value*()>& then,
                const std::function<Value*()>& otherwise);

  Value* fma(Value* a, Value* x, Value* c);  // one rounding, on every target

 protected:
  // Emits at the beginning of the function, after what was emitted there before.
  Value* in_prologue(const std::function<Value*()>& emit);
  // What the function gets as arguments, by the field of the plan that it has instead of.
  std::unordered_map<const void*, Value*> arguments_;

 private:
  Value* batch_;
  llvm::Instruction* prologue_end_ = nullptr;
  std::vector<std::pair<plan::Extent, Value*>> extents_;  // not known ones, seldom more than a few
};

// Runs element-wise code on lanes.
Values emit_body(Emitter& emitter, const plan::Body& body, const Values& arguments, int lanes);
// The same code has the same text, whatever its values are called; without `scalars`, whatever
// those are.
std::string body_signature(const ir::Function& function, const plan::Body& body,
                           bool scalars = true);
DType value_dtype(const ir::Function& function, ir::ValueId value);

// Casts and integer functions of the contract (cast.cpp, integer.cpp).
Value* emit_cast(Emitter& emitter, Value* value, DType from, DType to, int lanes);
Value* emit_integer_op(Emitter& emitter, ir::Opcode opcode, DType dtype, const Values& operands);

}  // namespace mlpjit::codegen
