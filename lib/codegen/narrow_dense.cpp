// Narrow dense layers in the lane form over k: tiles of rows x outputs, weights row-major.

#include "lib/codegen/lanes.h"
#include "lib/codegen/module_builder.h"
#include "lib/numerics/backend.h"

namespace mlpjit::codegen {
namespace {

class NarrowDense {
 public:
  NarrowDense(Driver& driver, const plan::NarrowDenseKernel& kernel)
      : d_(driver), kernel_(kernel), width_(kernel.lanes) {}

  void emit() {
    for (const plan::BufferId id : {kernel_.x, kernel_.weight, kernel_.out.buffer}) d_.pointer(id);
    if (kernel_.bias >= 0) d_.pointer(static_cast<plan::BufferId>(kernel_.bias));
    for (const plan::Access& extra : kernel_.extras) d_.pointer(extra.buffer);
    const std::int64_t rows = kernel_.rows;
    if (!d_.divided() && kernel_.m.is_known() && kernel_.m.known() > rows)
      return emit_overlapping();
    const auto [begin, whole, end] = d_.vectors(kernel_.m, rows, d_.divided());
    d_.loop(begin, whole, rows, [&](Value* r) { emit_columns(r, kernel_.rows); });
    d_.loop(whole, end, 1, [&](Value* r) { emit_columns(r, 1); });
  }

 private:
  // More rows than a tile has: the last turn overlaps the one before where they do not come out
  // even, the same results twice.
  void emit_overlapping() {
    Value* end = d_.extent(kernel_.m);
    Value* last = d_.plus(end, d_.i64(-kernel_.rows));
    d_.loop(d_.i64(0), end, kernel_.rows, [&](Value* r) {
      emit_columns(d_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, r, last), kernel_.rows);
    });
  }

  void emit_columns(Value* r, int rows) {
    const plan::EvenSplit& columns = kernel_.columns;
    std::int64_t first = 0;
    for (std::int64_t tile = 0; tile < columns.groups; ++tile) {
      const std::int64_t count = columns.size + (tile < columns.larger ? 1 : 0);
      emit_tile(r, rows, first, static_cast<int>(count));
      first += count;
    }
  }

  void emit_tile(Value* r, int rows, std::int64_t first, int columns) {
    const DType dtype = kernel_.dtype;
    Values x, w;
    for (int i = 0; i < rows; ++i) {
      Value* row = d_.plus(r, d_.i64(i));
      x.push_back(
          d_.element(d_.pointer(kernel_.x), dtype, d_.times(row, d_.i64(kernel_.x_stride))));
    }
    for (int j = 0; j < columns; ++j) {
      w.push_back(d_.element(d_.pointer(kernel_.weight), dtype, (first + j) * kernel_.k));
    }
    const std::vector<Lanes> start(x.size() * w.size(),
                                   splat_lanes(d_.zero(dtype, width_), width_));
    const auto sums = emit_lane_loop(
        d_, kernel_.k, width_, start, [&](Value* at, Value* mask, Value*, const Values& before) {
          Values weights, after;
          for (Value* row : w)
            weights.push_back(d_.load(d_.element(row, dtype, at), dtype, width_, mask));
          for (std::size_t i = 0; i < x.size(); ++i) {
            Value* lanes = d_.load(d_.element(x[i], dtype, at), dtype, width_, mask);
            for (std::size_t j = 0; j < w.size(); ++j) {
              after.push_back(d_.fma(lanes, weights[j], before[i * w.size() + j]));
            }
          }
          return after;
        });
    emit_results(sums, r, rows, first, columns);
  }

  // Trees, bias and epilogue: at once for a few results, else in a loop over the lanes kept on the
  // stack.
  void emit_results(const std::vector<Lanes>& sums, Value* r, int rows, std::int64_t first,
                    int columns) {
    const auto add = [&](Value* a, Value* c, int) { return d_.b.CreateFAdd(a, c); };
    if (sums.size() <= static_cast<std::size_t>(kernel_.finished_at_once)) {
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i) / columns,
                   column = static_cast<std::int64_t>(i) % columns;
        finish(emit_lane_tree(d_, sums[i], width_, add), d_.plus(r, d_.i64(row)),
               d_.i64(first + column));
      }
      return;
    }
    if (tile_ == nullptr)
      tile_ = d_.stack(
          kernel_.dtype,
          kernel_.rows * (kernel_.columns.size + kernel_.columns.sizes() - 1) * numerics::kLanes);
    const auto part = [&](Value* result, std::size_t q) {
      Value* at = d_.times(result, d_.i64(numerics::kLanes));
      at = d_.plus(at, d_.i64(static_cast<std::int64_t>(q) * width_));
      return d_.element(tile_, kernel_.dtype, at);
    };
    for (std::size_t i = 0; i < sums.size(); ++i) {
      for (std::size_t q = 0; q < sums[i].size(); ++q) {
        d_.store(sums[i][q], part(d_.i64(static_cast<std::int64_t>(i)), q), kernel_.dtype, width_);
      }
    }
    d_.loop(0, rows, 1, [&](Value* i) {
      d_.loop(0, columns, 1, [&](Value* j) {
        Value* result = d_.plus(d_.times(i, d_.i64(columns)), j);
        Lanes lanes;
        for (std::size_t q = 0; q < sums[0].size(); ++q)
          lanes.push_back(d_.load(part(result, q), kernel_.dtype, width_));
        finish(emit_lane_tree(d_, lanes, width_, add), d_.plus(r, i), d_.plus(j, d_.i64(first)));
      });
    });
  }

  void finish(Value* sum, Value* row, Value* column) {
    const Values indices = {row, column};
    if (kernel_.bias >= 0) {
      const auto bias = static_cast<plan::BufferId>(kernel_.bias);
      sum = d_.b.CreateFAdd(
          sum, d_.load(d_.element(d_.pointer(bias), kernel_.dtype, column), kernel_.dtype, 1));
    }
    Values arguments = {sum};
    for (const plan::Access& extra : kernel_.extras) {
      arguments.push_back(d_.load(d_.at(extra, indices), d_.dtype(extra.buffer), 1));
    }
    const Values results = emit_body(d_, kernel_.epilogue, arguments, 1);
    d_.store(results[0], d_.at(kernel_.out, indices), d_.dtype(kernel_.out.buffer), 1);
  }

  Driver& d_;
  const plan::NarrowDenseKernel& kernel_;
  int width_;
  Value* tile_ = nullptr;  // lanes of one tile
};

}  // namespace

void emit(Driver& driver, const plan::NarrowDenseKernel& kernel) {
  NarrowDense(driver, kernel).emit();
}

}  // namespace mlpjit::codegen
