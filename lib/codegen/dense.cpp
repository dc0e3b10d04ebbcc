// Dense layers in the chain form: register tiles over panels of the weight.
//
// A micro-kernel computes `rows` x `panels` panels of results; it is a function that all layers of
// the process with the same tile, chains, dtype and epilogue share. Its driver splits rows and
// panels evenly over tiles.

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "lib/codegen/module_builder.h"

namespace mlpjit::codegen {
namespace {

// Arguments of a micro-kernel after the runtime table, in order.
enum Argument : unsigned {
  kX = 1,
  kXStride,
  kWeight,
  kPanelStep,
  kKStep,
  kDepth,
  kBias,
  kOut,
  kOutStride,
  kColumns,
  kExtras
};

class Tile {
 public:
  Tile(ModuleBuilder& module, const plan::DenseKernel& kernel, const plan::MicroKernel& shape)
      : module_(module), kernel_(kernel), shape_(shape) {}

  llvm::Function* get() {
    auto* pointer = llvm::PointerType::get(module_.context(), 0);
    auto* i64 = llvm::Type::getInt64Ty(module_.context());
    std::vector<llvm::Type*> types = {pointer, pointer, i64,     pointer, i64, i64,
                                      i64,     pointer, pointer, i64,     i64};
    for (std::size_t i = 0; i < kernel_.extras.size(); ++i)
      types.insert(types.end(), {pointer, i64});
    if (kernel_.prefetch_panels > 0) types.push_back(pointer);  // where what is fetched begins
    auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(module_.context()), types, false);
    return module_.shared(key(), rest(), type, [&](llvm::Function* made) { emit(made); });
  }

 private:
  // What the planner makes of all that the name has and the target.
  std::string rest() const {
    return fmt::format("{} {} {} {} {} {}", kernel_.panel, kernel_.lanes, kernel_.epilogue_lanes,
                       shape_.live, shape_.steps, shape_.looped_epilogue);
  }
  std::string key() const {
    std::string columns;
    for (const plan::Access& extra : kernel_.extras)
      columns += kernel_.column_stride(extra) == 0 ? '0' : '1';
    std::string chains;
    if (kernel_.chains > 1)
      chains = fmt::format(".{}of{}chains.{}", shape_.live, kernel_.chains, tail());
    std::string prefetch;
    if (kernel_.prefetch_steps > 0) prefetch = fmt::format(".{}ahead", kernel_.prefetch_steps);
    if (kernel_.prefetch_panels > 0) prefetch = fmt::format(".{}next", kernel_.prefetch_panels);
    return fmt::format("tile.{}x{}{}.{}{}{}{}{}.{}.{}", shape_.rows, shape_.panels, chains,
                       to_string(kernel_.dtype), shape_.partial ? ".partial" : "",
                       kernel_.packed ? "" : ".matrix", prefetch, kernel_.bias >= 0 ? ".bias" : "",
                       columns, body_signature(module_.main(), kernel_.epilogue));
  }

  int vectors() const { return static_cast<int>(kernel_.panel) / lanes_; }
  bool is_last(int panel) const { return shape_.partial && panel + 1 == shape_.panels; }
  // Lanes of vector v of a panel that exist; null: all.
  Value* mask(int panel, int v) const {
    return is_last(panel) ? masks_[static_cast<std::size_t>(v)] : nullptr;
  }
  Value* argument(unsigned index) const { return e_->function->getArg(index); }
  Value* row(unsigned base, unsigned stride, DType dtype, int r) {
    return e_->element(argument(base), dtype, e_->times(argument(stride), e_->i64(r)));
  }

  void emit(llvm::Function* made) {
    Emitter emitter(module_, made);
    e_ = &emitter;
    for (const unsigned index : {kX, kWeight, kBias})
      made->addParamAttr(index, llvm::Attribute::NoAlias);
    if (shape_.partial) {
      for (int v = 0; v < vectors(); ++v) {
        masks_.push_back(emitter.first_lanes(
            lanes_, emitter.b.CreateSub(argument(kColumns), emitter.i64(v * lanes_))));
      }
    }
    locate();
    const Values results = emit_sum(0, 1);
    if (shape_.looped_epilogue) {
      emit_looped_epilogue(results);
    } else {
      emit_inline_epilogue(results);
    }
    emitter.b.CreateRetVoid();
  }

  // Where the rows of x and the panels of the weight begin.
  void locate() {
    for (int r = 0; r < shape_.rows; ++r) rows_.push_back(row(kX, kXStride, kernel_.dtype, r));
    for (int p = 0; p < shape_.panels; ++p) {
      panels_.push_back(e_->element(argument(kWeight), kernel_.dtype,
                                    e_->times(argument(kPanelStep), e_->i64(p))));
    }
  }

  std::size_t sums_per_chain() const {
    return static_cast<std::size_t>(shape_.rows * shape_.panels * vectors());
  }

  // The chains j mod stride == first, added as the tree adds them: those that are live at once in
  // registers, else one half on the stack while the other is summed.
  Values emit_sum(int first, int stride) {
    if (kernel_.chains / stride == shape_.live) return emit_chains(first, stride);
    const Values half = emit_sum(first, 2 * stride);
    Value* kept = e_->stack(kernel_.dtype, static_cast<std::int64_t>(half.size()) * lanes_);
    const auto at = [&](std::size_t i) {
      return e_->element(kept, kernel_.dtype, static_cast<std::int64_t>(i) * lanes_);
    };
    for (std::size_t i = 0; i < half.size(); ++i) e_->store(half[i], at(i), kernel_.dtype, lanes_);
    Values sums = emit_sum(first + stride, 2 * stride);
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] = e_->b.CreateFAdd(e_->load(at(i), kernel_.dtype, lanes_), sums[i]);
    return sums;
  }

  // Accumulators of the live chains, each row by row, panel by panel; chain 0 starts at the bias,
  // the others at +0.
  Values emit_start(bool with_bias) {
    Values start(static_cast<std::size_t>(shape_.live) * sums_per_chain(),
                 e_->zero(kernel_.dtype, lanes_));
    if (!with_bias || kernel_.bias < 0) return start;
    Values bias;
    for (int p = 0; p < shape_.panels; ++p) {
      for (int v = 0; v < vectors(); ++v) {
        Value* at = e_->element(argument(kBias), kernel_.dtype, p * kernel_.panel + v * lanes_);
        bias.push_back(e_->load(at, kernel_.dtype, lanes_, mask(p, v)));
      }
    }
    for (std::size_t i = 0; i < sums_per_chain(); ++i) start[i] = bias[i % bias.size()];
    return start;
  }

  // The chains j mod stride == first, live at once. Element k goes to chain k mod chains.
  Values emit_chains(int first, int stride) {
    const int chains = kernel_.chains, live = shape_.live;
    const auto steps = [&](int count) {
      return [this, first, stride, live, count](Value* k, Values sums) {
        for (int u = first; u < count; u += stride)
          emit_step(k, u, static_cast<std::size_t>(u / stride % live), sums);
        return sums;
      };
    };
    const int most = shape_.steps;
    const auto whole = [&](int count) {
      return count == 1 ? argument(kDepth) : e_->b.CreateAnd(argument(kDepth), e_->i64(-count));
    };
    Value* done = whole(most);
    Values sums = e_->loop(e_->i64(0), done, most, emit_start(first == 0), steps(most));
    if (most > chains) {
      sums = e_->loop(done, whole(chains), chains, sums, steps(chains));
      done = whole(chains);
    }
    return join(steps(tail())(done, std::move(sums)));
  }

  // Elements beyond a multiple of the chains.
  int tail() const { return static_cast<int>(kernel_.k % kernel_.chains); }

  // The tree over the live chains.
  Values join(Values sums) {
    const std::size_t each = sums_per_chain();
    for (std::size_t half = sums.size() / 2; half >= each; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) sums[i] = e_->b.CreateFAdd(sums[i], sums[half + i]);
      sums.resize(half);
    }
    return sums;
  }

  // Step k + u of one of the live chains of each result.
  void emit_step(Value* k, int u, std::size_t chain, Values& sums) {
    const DType dtype = kernel_.dtype;
    const auto per_row = static_cast<std::size_t>(shape_.panels * vectors());
    // Packed weights are walked with constant displacements, a matrix by its own stride.
    Value* at_k = kernel_.packed ? e_->times(k, e_->i64(kernel_.panel))
                                 : e_->times(e_->plus(k, e_->i64(u)), argument(kKStep));
    const std::int64_t ahead = kernel_.packed ? u * kernel_.panel : 0;
    const unsigned align =
        kernel_.packed ? static_cast<unsigned>(lanes_) * static_cast<unsigned>(size_of(dtype)) : 0;
    Values weights;
    for (int p = 0; p < shape_.panels; ++p) {
      Value* base = e_->element(panels_[static_cast<std::size_t>(p)], dtype, at_k);
      if (kernel_.prefetch_steps > 0)
        e_->prefetch(base, dtype, ahead + kernel_.prefetch_steps * kernel_.panel);
      for (int v = 0; v < vectors(); ++v) {
        Value* at = e_->element(base, dtype, ahead + v * lanes_);
        weights.push_back(
            e_->load(at, dtype, lanes_, kernel_.packed ? nullptr : mask(p, v), align));
      }
    }
    for (int p = 0; p < kernel_.prefetch_panels; ++p) {
      const unsigned last = kExtras + 2 * static_cast<unsigned>(kernel_.extras.size());
      Value* panel =
          e_->element(argument(last), dtype, e_->times(argument(kPanelStep), e_->i64(p)));
      e_->prefetch(e_->element(panel, dtype, at_k), dtype, ahead);
    }
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      Value* x =
          e_->load_splat(e_->element(e_->element(rows_[r], dtype, k), dtype, u), dtype, lanes_);
      for (std::size_t i = 0; i < per_row; ++i) {
        Value*& sum = sums[chain * sums_per_chain() + r * per_row + i];
        sum = e_->fma(x, weights[i], sum);
      }
    }
  }

  // Where row r of the results and of the extras begins.
  struct RowAt {
    Value* out;
    Values extras;
  };
  RowAt row_at(Value* r) {
    RowAt row{
        e_->element(argument(kOut), dtype_of(kernel_.out), e_->times(argument(kOutStride), r)), {}};
    for (std::size_t i = 0; i < kernel_.extras.size(); ++i) {
      const unsigned first = kExtras + 2 * static_cast<unsigned>(i);
      row.extras.push_back(e_->element(argument(first), dtype_of(kernel_.extras[i]),
                                       e_->times(argument(first + 1), r)));
    }
    return row;
  }
  DType dtype_of(const plan::Access& access) const {
    return module_.plan().buffers[access.buffer].dtype;
  }

  Value* extra(std::size_t i, const RowAt& row, Value* column, int lanes, Value* lanes_mask) {
    const plan::Access& access = kernel_.extras[i];
    const DType dtype = dtype_of(access);
    if (kernel_.column_stride(access) == 0) return e_->load_splat(row.extras[i], dtype, lanes);
    return e_->load(e_->element(row.extras[i], dtype, column), dtype, lanes, lanes_mask);
  }

  // body(result, extras...) of one vector, stored.
  void finish(Value* result, const RowAt& row, Value* column, int lanes, Value* lanes_mask) {
    Values arguments = {result};
    for (std::size_t i = 0; i < kernel_.extras.size(); ++i)
      arguments.push_back(extra(i, row, column, lanes, lanes_mask));
    const DType dtype = dtype_of(kernel_.out);
    Value* value = emit_body(*e_, kernel_.epilogue, arguments, lanes)[0];
    e_->store(value, e_->element(row.out, dtype, column), dtype, lanes, lanes_mask);
  }

  void emit_inline_epilogue(const Values& results) {
    std::size_t i = 0;
    for (int r = 0; r < shape_.rows; ++r) {
      const RowAt row = row_at(e_->i64(r));
      for (int p = 0; p < shape_.panels; ++p) {
        for (int v = 0; v < vectors(); ++v) {
          finish(results[i++], row, e_->i64(p * kernel_.panel + v * lanes_), lanes_, mask(p, v));
        }
      }
    }
  }

  // Through a tile on the stack, with one copy of the epilogue.
  void emit_looped_epilogue(const Values& results) {
    auto& b = e_->b;
    const std::int64_t width = shape_.panels * kernel_.panel;
    Value* tile = e_->stack(kernel_.dtype, shape_.rows * width);
    for (std::size_t i = 0; i < results.size(); ++i) {
      e_->store(results[i], e_->element(tile, kernel_.dtype, static_cast<std::int64_t>(i) * lanes_),
                kernel_.dtype, lanes_);
    }
    const int lanes = kernel_.epilogue_lanes;
    const std::int64_t whole = shape_.partial ? width - kernel_.panel : width;
    e_->loop(0, shape_.rows, 1, [&](Value* r) {
      Value* from = e_->element(tile, kernel_.dtype, e_->times(r, e_->i64(width)));
      const RowAt row = row_at(r);
      const auto vector = [&](Value* column, Value* lanes_mask) {
        Value* value = e_->load(e_->element(from, kernel_.dtype, column), kernel_.dtype, lanes);
        finish(value, row, column, lanes, lanes_mask);
      };
      if (!shape_.partial) {
        e_->loop(0, whole, lanes, [&](Value* column) { vector(column, nullptr); });
        return;
      }
      e_->loop(0, width, lanes, [&](Value* column) {
        Value* left = b.CreateSub(b.CreateAdd(e_->i64(whole), argument(kColumns)), column);
        vector(column, e_->first_lanes(lanes, left));
      });
    });
  }

  ModuleBuilder& module_;
  const plan::DenseKernel& kernel_;
  const plan::MicroKernel& shape_;
  Emitter* e_ = nullptr;
  int lanes_ = kernel_.lanes;
  Values masks_;
  Values rows_, panels_;
};

class DenseDriver {
 public:
  DenseDriver(Driver& driver, const plan::DenseKernel& kernel) : d_(driver), kernel_(kernel) {}

  void emit() {
    touch_buffers();
    if (kernel_.batch.empty()) return emit_product({});
    d_.nest(kernel_.batch, [&](std::span<Value* const> batch) { emit_product(batch); });
  }

 private:
  using EachRow = std::function<void(Value* r, std::int64_t height)>;

  void emit_product(std::span<Value* const> batch) {
    batch_ = batch;
    if (!kernel_.m.is_known()) return emit_overlapping(0);
    const plan::Tiling& tiling = kernel_.tilings.front();
    emit_tiles(tiling, [&](const EachRow& f) { each_rows(tiling.rows, f); });
  }
  // Whether units are rows, or groups of them; of a batch they are turns of its outermost loop.
  bool divides_rows() const {
    return d_.divided() && kernel_.batch.empty() && !kernel_.divides_panels;
  }

  // Rows by the first tiling that fits. Its last turn overlaps the one before where the rows do not
  // come out even: the same results twice, but one micro-kernel.
  void emit_overlapping(std::size_t index) {
    const plan::Tiling& tiling = kernel_.tilings[index];
    const std::int64_t height = tiling.rows.size;
    const auto [begin, end] =
        divides_rows() ? d_.range(kernel_.m) : Driver::Range{d_.i64(0), d_.extent(kernel_.m)};
    Value* last = d_.b.CreateNSWSub(end, d_.i64(height));
    const auto fill = [&, first = begin, m = end] {
      emit_tiles(tiling, [&](const EachRow& f) {
        d_.loop(first, m, height, [&](Value* r) {
          if (height > 1) r = d_.b.CreateSelect(d_.b.CreateICmpSLT(r, last), r, last);
          f(r, height);
        });
      });
    };
    if (index + 1 == kernel_.tilings.size()) return fill();  // one row
    d_.branch(d_.b.CreateICmpSGE(last, begin), fill, [&] { emit_overlapping(index + 1); });
  }

  template <class Rows>
  void emit_tiles(const plan::Tiling& tiling, const Rows& rows) {
    if (kernel_.columns_outer) {
      each_columns(tiling.panels, [&](Value* p, std::int64_t count, bool partial) {
        rows([&](Value* r, std::int64_t height) { call(r, height, p, count, partial); });
      });
    } else {
      rows([&](Value* r, std::int64_t height) {
        each_columns(tiling.panels, [&](Value* p, std::int64_t count, bool partial) {
          call(r, height, p, count, partial);
        });
      });
    }
  }

  // Their pointers are loaded before any loop.
  void touch_buffers() {
    for (const plan::BufferId id : {kernel_.x, kernel_.weight, kernel_.out.buffer}) d_.pointer(id);
    if (kernel_.bias >= 0) d_.pointer(static_cast<plan::BufferId>(kernel_.bias));
    for (const plan::Access& extra : kernel_.extras) d_.pointer(extra.buffer);
  }

  Value* lesser(Value* a, Value* c) { return d_.b.CreateSelect(d_.b.CreateICmpSLT(a, c), a, c); }

  // Groups [begin, end) of the first `groups` of a split: f(the number of the first thing, how
  // many).
  template <class F>
  void each_group(const plan::EvenSplit& split, std::int64_t groups, Value* begin, Value* end,
                  F&& f) {
    auto& b = d_.b;
    Value* larger = d_.number(split.larger);
    const auto first_of = [&](Value* group) {
      // larger * (size + 1) + (group - larger) * size, from the first of those of that size
      return d_.plus(d_.times(group, d_.i64(split.size)), larger);
    };
    if (split.larger > 0) {
      Value* each = d_.i64(split.size + 1);
      d_.loop(d_.times(lesser(begin, larger), each), d_.times(lesser(end, larger), each),
              split.size + 1, [&](Value* first) { f(first, split.size + 1); });
    }
    if (groups == split.larger) return;
    Value* from = begin;
    if (split.larger > 0) from = b.CreateSelect(b.CreateICmpSLT(begin, larger), larger, begin);
    d_.loop(first_of(from), first_of(end), split.size, [&](Value* first) { f(first, split.size); });
  }

  template <class F>
  void each_rows(const plan::EvenSplit& rows, F&& f) {
    const auto [begin, end] =
        divides_rows() ? d_.range(rows.groups) : Driver::Range{d_.i64(0), d_.number(rows.groups)};
    each_group(rows, rows.groups, begin, end, f);
  }

  // Tiles of panels; the last tile alone, when its last panel is not whole.
  template <class F>
  void each_columns(const plan::EvenSplit& panels, F&& f) {
    const bool partial = kernel_.n % kernel_.panel != 0;
    const bool part = d_.divided() && kernel_.divides_panels;
    Value *larger = d_.number(panels.larger), *groups = d_.number(panels.groups);
    const auto [begin, end] = part ? d_.range(panels.groups) : Driver::Range{d_.i64(0), groups};
    Value* whole = partial ? d_.plus(groups, d_.i64(-1)) : groups;
    each_group(panels, panels.groups - (partial ? 1 : 0), begin, part ? lesser(end, whole) : whole,
               [&](Value* p, std::int64_t count) { f(p, count, false); });
    if (!partial) return;
    Value* last = d_.plus(d_.times(whole, d_.i64(panels.size)), larger);
    const auto rest = [&] { f(last, panels.size, true); };
    if (!part) return rest();
    d_.branch(d_.b.CreateICmpSGT(end, whole), rest);
  }

  // Columns of the last panel.
  Value* columns() {
    if (kernel_.n % kernel_.panel == 0) return d_.i64(kernel_.panel);
    return d_.b.CreateAnd(d_.number(kernel_.n), d_.i64(kernel_.panel - 1));  // a power of two
  }

  // Those of the next group that the tile of rows from r on has to fetch; its own again where all
  // are there. Behind the last panel there is nothing, and nothing comes of it.
  Value* next_panels(Value* r, Value* p, std::int64_t panels) {
    auto& b = d_.b;
    Value* pass = b.CreateUDiv(r, d_.i64(kernel_.tilings.front().rows.largest()));
    Value* done = d_.times(pass, d_.i64(kernel_.prefetch_panels));
    Value* next = d_.plus(d_.plus(p, d_.i64(panels)), done);
    Value* first = b.CreateSelect(b.CreateICmpSLT(done, d_.i64(panels)), next, p);
    return d_.element(d_.pointer(kernel_.weight), kernel_.dtype,
                      d_.times(first, d_.number(kernel_.panel_step)));
  }

  void call(Value* r, std::int64_t rows, Value* p, std::int64_t panels, bool partial) {
    auto& b = d_.b;
    Value* column = d_.times(p, d_.i64(kernel_.panel));
    const auto at = [&](plan::BufferId buffer, Value* offset) {
      return d_.element(d_.pointer(buffer), d_.dtype(buffer), offset);
    };
    Values indices(batch_.begin(), batch_.end());
    indices.insert(indices.end(), {r, column});
    const auto at_tile = [&](const plan::Access& access) {
      return at(access.buffer, d_.offset(access.strides, indices));
    };
    const auto in_batch = [&](const std::vector<plan::Extent>& strides, Value* offset) {
      return strides.empty() ? offset : d_.plus(d_.offset(strides, batch_), offset);
    };
    Value* bias = kernel_.bias < 0 ? llvm::ConstantPointerNull::get(b.getPtrTy())
                                   : at(static_cast<plan::BufferId>(kernel_.bias), column);
    Value *x_stride = d_.number(kernel_.x_stride), *panel_step = d_.number(kernel_.panel_step);
    Values arguments = {d_.runtime(),
                        at(kernel_.x, in_batch(kernel_.x_batch, d_.times(r, x_stride))),
                        x_stride,
                        at(kernel_.weight, in_batch(kernel_.weight_batch, d_.times(p, panel_step))),
                        panel_step,
                        d_.number(kernel_.k_step),
                        d_.number(kernel_.k),
                        bias,
                        at_tile(kernel_.out),
                        d_.extent(kernel_.row_stride(kernel_.out)),
                        columns()};
    for (const plan::Access& extra : kernel_.extras) {
      arguments.push_back(at_tile(extra));
      arguments.push_back(d_.extent(kernel_.row_stride(extra)));
    }
    if (kernel_.prefetch_panels > 0) arguments.push_back(next_panels(r, p, panels));
    llvm::Function* callee =
        Tile(d_.module, kernel_, kernel_.micro_kernel(rows, panels, partial)).get();
    b.CreateCall(callee, arguments);
  }

  Driver& d_;
  const plan::DenseKernel& kernel_;
  std::span<Value* const> batch_;  // indices of its loops
};

}  // namespace

void emit(Driver& driver, const plan::DenseKernel& kernel) {
  DenseDriver(driver, kernel).emit();
}

}  // namespace mlpjit::codegen
