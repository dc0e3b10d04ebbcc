// Element-wise loops, and what moves elements as they are.

#include "lib/codegen/module_builder.h"
#include "lib/codegen/turned_rows.h"
#include "lib/codegen/x86.h"

namespace mlpjit::codegen {
namespace {

class ElementwiseLoop {
 public:
  ElementwiseLoop(Driver& driver, const plan::ElementwiseKernel& kernel)
      : d_(driver), kernel_(kernel) {}

  void emit() {
    const std::span<const plan::Extent> outer(kernel_.loops.data(), kernel_.loops.size() - 1);
    for (const plan::Access& access : kernel_.inputs) d_.pointer(access.buffer);
    for (const plan::Access& access : kernel_.outputs) d_.pointer(access.buffer);
    d_.nest(outer, [&](std::span<Value* const> indices) { emit_row(indices); });
  }

 private:
  void emit_row(std::span<Value* const> indices) {
    const int lanes = kernel_.lanes;
    from_.clear();
    to_.clear();
    splats_.clear();
    for (const plan::Access& in : kernel_.inputs) {
      from_.push_back(d_.at(in, indices));
      const bool repeats = in.strides.back() == 0;
      splats_.push_back(repeats ? d_.load_splat(from_.back(), d_.dtype(in.buffer), lanes)
                                : nullptr);
    }
    for (const plan::Access& out : kernel_.outputs) to_.push_back(d_.at(out, indices));

    const plan::Extent& n = kernel_.loops.back();
    // The units of a lone loop are parts of it.
    const bool parts = d_.divided() && kernel_.loops.size() == 1;
    const auto [begin, whole, count] = d_.vectors(n, lanes, parts);
    if (kernel_.shared_tail)
      return d_.loop(begin, count, lanes,
                     [&, c = count, w = whole](Value* i) { emit_shared(i, c, w); });
    const auto vectors = [&, first = begin, last = whole](bool streamed) {
      d_.loop(first, last, lanes, [&](Value* i) { emit_vector(i, nullptr, nullptr, streamed); });
    };
    if (kernel_.streams) {
      const auto past_the_caches = [&] {
        vectors(true);
        x86::order_streams(d_);
      };
      d_.branch(outputs_aligned(begin), past_the_caches, [&] { vectors(false); });
    } else {
      vectors(false);
    }
    if (whole == count) return;
    d_.branch(d_.b.CreateICmpSLT(whole, count), [&, first = whole, end = count] {
      Value* left = d_.b.CreateSub(end, first);
      emit_vector(first, d_.first_lanes(lanes, left), d_.b.CreateSub(left, d_.i64(1)));
    });
  }

  Value* load(std::size_t input, Value* i, Value* mask, Value* last) {
    const plan::Access& in = kernel_.inputs[input];
    const DType dtype = d_.dtype(in.buffer);
    const plan::Extent& stride = in.strides.back();
    if (stride == 0) return splats_[input];
    if (stride == 1) return d_.load(d_.element(from_[input], dtype, i), dtype, kernel_.lanes, mask);
    Value* at = d_.element(from_[input], dtype, d_.times(i, d_.extent(stride)));
    return d_.load_strided(at, dtype, kernel_.lanes, d_.extent(stride), last);
  }

  Values load_all(Value* i, Value* mask, Value* last) {
    Values values;
    for (std::size_t input = 0; input < kernel_.inputs.size(); ++input)
      values.push_back(load(input, i, mask, last));
    return values;
  }

  // To a vector, from element `i` on.
  Value* outputs_aligned(Value* i) {
    auto& b = d_.b;
    Value* all = d_.i64(0);
    for (std::size_t output = 0; output < to_.size(); ++output) {
      Value* at = d_.element(to_[output], d_.dtype(kernel_.outputs[output].buffer), i);
      all = b.CreateOr(all, b.CreatePtrToInt(at, b.getInt64Ty()));
    }
    return b.CreateICmpEQ(b.CreateAnd(all, d_.i64(d_.target().vector_bytes - 1)), d_.i64(0));
  }

  void store_all(const Values& results, Value* i, Value* mask, bool streamed = false) {
    for (std::size_t output = 0; output < results.size(); ++output) {
      const DType dtype = d_.dtype(kernel_.outputs[output].buffer);
      if (streamed) {
        d_.stream(results[output], d_.element(to_[output], dtype, i), dtype, kernel_.lanes);
        continue;
      }
      d_.store(results[output], d_.element(to_[output], dtype, i), dtype, kernel_.lanes, mask);
    }
  }

  // One vector; `mask` null: all lanes, else lanes up to `last`.
  void emit_vector(Value* i, Value* mask, Value* last, bool streamed = false) {
    store_all(emit_body(d_, kernel_.body, load_all(i, mask, last), kernel_.lanes), i, mask,
              streamed);
  }

  // Whole vectors and the tail through one copy of the body: only loads and stores come in two
  // forms.
  void emit_shared(Value* i, Value* count, Value* whole) {
    const int lanes = kernel_.lanes;
    auto& b = d_.b;
    const auto block = [&](const char* name) {
      return llvm::BasicBlock::Create(b.getContext(), name, d_.function);
    };
    const auto branch = [&](const auto& on_whole, const auto& on_tail) {
      llvm::BasicBlock *full = block("whole"), *tail = block("tail"), *join = block("join");
      b.CreateCondBr(b.CreateICmpSLT(i, whole), full, tail);
      b.SetInsertPoint(full);
      on_whole();
      b.CreateBr(join);
      b.SetInsertPoint(tail);
      on_tail();
      b.CreateBr(join);
      b.SetInsertPoint(join);
      return std::pair(full, tail);
    };
    Value* left = b.CreateSub(count, whole);
    Value *mask = d_.first_lanes(lanes, left), *last = b.CreateSub(left, d_.i64(1));
    Values on_whole, on_tail;
    const auto [full, tail] = branch([&] { on_whole = load_all(i, nullptr, nullptr); },
                                     [&] { on_tail = load_all(i, mask, last); });
    Values values;
    for (std::size_t input = 0; input < on_whole.size(); ++input) {
      if (on_whole[input] == on_tail[input]) {  // a splat
        values.push_back(on_whole[input]);
        continue;
      }
      llvm::PHINode* both = b.CreatePHI(on_whole[input]->getType(), 2);
      both->addIncoming(on_whole[input], full);
      both->addIncoming(on_tail[input], tail);
      values.push_back(both);
    }
    const Values results = emit_body(d_, kernel_.body, values, lanes);
    branch([&] { store_all(results, i, nullptr); }, [&] { store_all(results, i, mask); });
  }

  Driver& d_;
  const plan::ElementwiseKernel& kernel_;
  Values from_, to_, splats_;
};

}  // namespace

void emit(Driver& driver, const plan::ElementwiseKernel& kernel) {
  ElementwiseLoop(driver, kernel).emit();
}

void emit(Driver& d, const plan::TransposeKernel& kernel) {
  const DType dtype = d.dtype(kernel.out.buffer);
  const int lanes = kernel.lanes;
  const std::size_t outer = kernel.outer.size();
  for (const plan::Access* access : {&kernel.in, &kernel.out}) d.pointer(access->buffer);
  const bool parts = d.divided() && outer == 0;
  d.nest(kernel.outer, [&](std::span<Value* const> indices) {
    Value *from = d.at(kernel.in, indices), *to = d.at(kernel.out, indices);
    Value *from_row = d.extent(kernel.in.strides[outer]),
          *to_column = d.extent(kernel.out.strides.back()), *columns = d.extent(kernel.columns);
    // A vector of rows from r on, of which `rows` exist; null: all.
    const auto turn = [&](Value* r, Value* rows) {
      const TurnedRows turned(d, dtype, lanes, d.element(from, dtype, d.times(r, from_row)),
                              from_row, rows);
      Value* mask = rows == nullptr ? nullptr : d.first_lanes(lanes, rows);
      const auto store = [&](Value* column, Value* c) {
        d.store(column, d.element(d.element(to, dtype, d.times(c, to_column)), dtype, r), dtype,
                lanes, mask);
      };
      const int block = turned.columns();
      Value* whole = d.whole(kernel.columns, block);
      d.loop(d.i64(0), whole, block, [&](Value* c) {
        const Values all = turned.block(c);
        for (int i = 0; i < block; ++i)
          store(all[static_cast<std::size_t>(i)], d.plus(c, d.i64(i)));
      });
      d.loop(whole, columns, 1, [&](Value* c) { store(turned.column(c), c); });
    };
    const auto [begin, whole, end] = d.vectors(kernel.rows, lanes, parts);
    d.loop(begin, whole, lanes, [&](Value* r) { turn(r, nullptr); });
    if (whole == end) return;
    d.branch(d.b.CreateICmpSLT(whole, end),
             [&, first = whole, last = end] { turn(first, d.b.CreateNSWSub(last, first)); });
  });
}

void emit(Driver& driver, const plan::CopyKernel& kernel) {
  Value *from = driver.pointer(kernel.from), *to = driver.pointer(kernel.to);
  const plan::Extent& bytes = driver.module.plan().buffers[kernel.from].bytes;
  const int lanes = kernel.vector_bytes;
  auto& b = driver.b;
  auto* vector = llvm::FixedVectorType::get(b.getInt8Ty(), static_cast<unsigned>(lanes));
  const auto move = [&](llvm::Type* type, Value* i) {
    Value* value =
        b.CreateAlignedLoad(type, b.CreateInBoundsGEP(b.getInt8Ty(), from, i), llvm::Align(1));
    b.CreateAlignedStore(value, b.CreateInBoundsGEP(b.getInt8Ty(), to, i), llvm::Align(1));
  };
  const auto [begin, whole, end] = driver.vectors(bytes, lanes, driver.divided());
  driver.loop(begin, whole, lanes, [&](Value* i) { move(vector, i); });
  driver.loop(whole, end, 1, [&](Value* i) { move(b.getInt8Ty(), i); });
}

}  // namespace mlpjit::codegen
