// Lookups by index: every index is checked first. With one that is out of range the interpreter
// runs the op, and says which.

#include "lib/codegen/module_builder.h"

namespace mlpjit::codegen {
namespace {

class Lookup {
 public:
  Lookup(Driver& driver, std::int64_t indices)
      : d_(driver),
        dtype_(driver.dtype(static_cast<plan::BufferId>(indices))),
        indices_(driver.pointer(static_cast<plan::BufferId>(indices))) {}

  // Index i, as an i64.
  Value* index(Value* i) {
    Value* one = d_.b.CreateAlignedLoad(d_.memory_type(dtype_), d_.element(indices_, dtype_, i),
                                        llvm::Align(size_of(dtype_)));
    return d_.b.CreateSExt(one, d_.b.getInt64Ty());
  }

  // Ends the function: with what the interpreter says where an index of `count` is not in [-below,
  // limit), else after `work`.
  void checked(Value* count, Value* below, Value* limit, const std::function<void()>& work) {
    auto& b = d_.b;
    Value* width = b.CreateAdd(below, limit);
    const Values wrong =
        d_.loop(d_.i64(0), count, 1, {b.getFalse()}, [&](Value* i, const Values& before) {
          Value* outside = b.CreateICmpUGE(b.CreateAdd(index(i), below), width);
          return Values{b.CreateOr(before[0], outside)};
        });
    llvm::BasicBlock* refused = llvm::BasicBlock::Create(b.getContext(), "refused", d_.function);
    llvm::BasicBlock* good = llvm::BasicBlock::Create(b.getContext(), "good", d_.function);
    b.CreateCondBr(wrong[0], refused, good);
    b.SetInsertPoint(refused);
    b.CreateRet(emit_library_call(d_, d_.step()));
    b.SetInsertPoint(good);
    work();
    b.CreateRet(d_.i64(0));
  }

 private:
  Driver& d_;
  DType dtype_;
  Value* indices_;
};

}  // namespace

void emit(Driver& d, const plan::GatherKernel& kernel) {
  const auto from = static_cast<plan::BufferId>(kernel.inputs[0]),
             to = static_cast<plan::BufferId>(kernel.outputs[0]);
  Value *source = d.pointer(from), *target = d.pointer(to);
  const DType dtype = d.dtype(to);
  Lookup lookup(d, kernel.inputs[1]);
  Value *size = d.extent(kernel.size), *count = d.extent(kernel.count),
        *inner = d.extent(kernel.inner);
  const auto entry = [&](Value* o, Value* i) {
    Value* index = lookup.index(i);
    index = d.b.CreateSelect(d.b.CreateICmpSLT(index, d.i64(0)), d.b.CreateAdd(index, size), index);
    Value* first = d.plus(d.times(o, size), index);
    Value* x = d.element(source, dtype, d.times(first, inner));
    Value* y = d.element(target, dtype, d.times(d.plus(d.times(o, count), i), inner));
    const auto move = [&](Value* at, int lanes, Value* mask) {
      d.store(d.load(d.element(x, dtype, at), dtype, lanes, mask), d.element(y, dtype, at), dtype,
              lanes, mask);
    };
    if (kernel.inner == 1) return move(d.i64(0), 1, nullptr);
    Value* whole = d.whole(kernel.inner, kernel.lanes);
    d.loop(d.i64(0), whole, kernel.lanes, [&](Value* at) { move(at, kernel.lanes, nullptr); });
    if (whole == inner) return;
    d.branch(d.b.CreateICmpSLT(whole, inner), [&] {
      move(whole, kernel.lanes, d.first_lanes(kernel.lanes, d.b.CreateSub(inner, whole)));
    });
  };
  lookup.checked(count, size, size, [&] {
    d.loop(d.i64(0), d.extent(kernel.outer), 1,
           [&](Value* o) { d.loop(d.i64(0), count, 1, [&](Value* i) { entry(o, i); }); });
  });
}

void emit(Driver& d, const plan::OneHotKernel& kernel) {
  const auto to = static_cast<plan::BufferId>(kernel.outputs[0]);
  Value* target = d.pointer(to);
  const DType dtype = d.dtype(to);
  auto& b = d.b;
  const int lanes = kernel.lanes;
  llvm::SmallVector<std::uint32_t, 16> numbers;
  for (int j = 0; j < lanes; ++j) numbers.push_back(static_cast<std::uint32_t>(j));
  Value* own = llvm::ConstantDataVector::get(b.getContext(), numbers);
  Value *one = d.splat(ir::scalar_literal(dtype, 1), lanes), *zero = d.zero(dtype, lanes);
  Lookup lookup(d, kernel.inputs[0]);
  Value *count = d.extent(kernel.count), *depth = d.i64(kernel.depth);
  lookup.checked(count, d.i64(0), depth, [&] {
    d.loop(d.i64(0), count, 1, [&](Value* i) {
      Value* y = d.element(target, dtype, d.times(i, depth));
      Value* index = b.CreateVectorSplat(static_cast<unsigned>(lanes),
                                         b.CreateTrunc(lookup.index(i), b.getInt32Ty()));
      const auto columns = [&](Value* c, Value* mask) {
        Value* first =
            b.CreateVectorSplat(static_cast<unsigned>(lanes), b.CreateTrunc(c, b.getInt32Ty()));
        Value* hit = b.CreateICmpEQ(b.CreateAdd(first, own), index);
        d.store(b.CreateSelect(hit, one, zero), d.element(y, dtype, c), dtype, lanes, mask);
      };
      const std::int64_t whole = kernel.depth / lanes * lanes;
      d.loop(0, whole, lanes, [&](Value* c) { columns(c, nullptr); });
      if (whole < kernel.depth) columns(d.i64(whole), d.first_lanes(lanes, kernel.depth - whole));
    });
  });
}

}  // namespace mlpjit::codegen
