// One column of a matrix product: the lanes of a vector are rows of the matrix.

#include "lib/codegen/lanes.h"
#include "lib/codegen/module_builder.h"
#include "lib/codegen/turned_rows.h"

namespace mlpjit::codegen {
namespace {

class MatrixVector {
 public:
  MatrixVector(Driver& driver, const plan::MatrixVectorKernel& kernel)
      : d_(driver), kernel_(kernel), width_(kernel.lanes) {}

  void emit() {
    for (const plan::BufferId id : {kernel_.x, kernel_.weight, kernel_.out.buffer}) d_.pointer(id);
    for (const plan::Access& extra : kernel_.extras) d_.pointer(extra.buffer);
    if (kernel_.batch.empty()) return emit_rows({});
    d_.nest(kernel_.batch, [&](std::span<Value* const> batch) { emit_rows(batch); });
  }

 private:
  void emit_rows(std::span<Value* const> batch) {
    batch_ = batch;
    const bool part = d_.divided() && kernel_.batch.empty();
    const std::int64_t most = std::int64_t{kernel_.vectors} * width_;
    const auto [begin, vectors, end] = d_.vectors(kernel_.m, width_, part);
    Value* several = kernel_.vectors == 1 ? vectors : d_.vectors(kernel_.m, most, part).whole;
    d_.loop(begin, several, most, [&](Value* r) { emit_tile(r, kernel_.vectors, nullptr); });
    if (kernel_.vectors > 1)
      d_.loop(several, vectors, width_, [&](Value* r) { emit_tile(r, 1, nullptr); });
    const bool comes_out_even = kernel_.m.multiple_of(width_) && !(part && !kernel_.m.is_known());
    if (comes_out_even) return;
    d_.branch(d_.b.CreateICmpSLT(vectors, end),
              [&, at = vectors, last = end] { emit_tile(at, 1, d_.b.CreateNSWSub(last, at)); });
  }

  Value* in_batch(plan::BufferId buffer, const std::vector<plan::Extent>& strides) {
    Value* first = d_.pointer(buffer);
    return strides.empty() ? first
                           : d_.element(first, d_.dtype(buffer), d_.offset(strides, batch_));
  }

  // `rows`: how many exist of one vector of them; null: all.
  void emit_tile(Value* r, int vectors, Value* rows) {
    const DType dtype = kernel_.dtype;
    Value* stride = d_.number(kernel_.x_stride);
    Value* x = d_.element(in_batch(kernel_.x, kernel_.x_batch), dtype, d_.times(r, stride));
    weight_ = in_batch(kernel_.weight, kernel_.weight_batch);
    std::vector<TurnedRows> all;
    for (int v = 0; v < vectors; ++v) {
      Value* first = d_.element(x, dtype, d_.times(d_.i64(std::int64_t{v} * width_), stride));
      all.emplace_back(d_, dtype, width_, first, stride, rows);
    }
    const std::int64_t block = all[0].columns(), whole = kernel_.k / block * block;
    Values sums =
        d_.loop(d_.i64(0), d_.i64(whole), block, Values(all.size(), d_.zero(dtype, width_)),
                [&](Value* k, Values carried) {
                  for (std::size_t v = 0; v < all.size(); ++v) {
                    const Values columns = all[v].block(k);
                    for (std::size_t c = 0; c < columns.size(); ++c)
                      add(columns[c], k, static_cast<std::int64_t>(c), carried[v]);
                  }
                  return carried;
                });
    for (std::int64_t k = whole; k < kernel_.k; ++k) {
      for (std::size_t v = 0; v < all.size(); ++v)
        add(all[v].column(d_.i64(k)), d_.i64(k), 0, sums[v]);
    }
    Value* mask = rows == nullptr ? nullptr : d_.first_lanes(width_, rows);
    for (std::size_t v = 0; v < all.size(); ++v) {
      Value* first = d_.plus(r, d_.i64(static_cast<std::int64_t>(v) * width_));
      finish(sums[v], first, mask, all[v].last());
    }
  }

  void add(Value* column, Value* k, std::int64_t after, Value*& sum) {
    Value* at = d_.element(d_.element(weight_, kernel_.dtype, k), kernel_.dtype, after);
    sum = d_.fma(column, d_.load_splat(at, kernel_.dtype, width_), sum);
  }

  void finish(Value* sum, Value* r, Value* mask, Value* last) {
    Values indices(batch_.begin(), batch_.end());
    indices.insert(indices.end(), {r, d_.i64(0)});
    Values arguments = {sum};
    for (const plan::Access& extra : kernel_.extras) {
      const InnerInput rows(d_, d_.at(extra, indices), d_.dtype(extra.buffer),
                            kernel_.row_stride(extra), width_);
      arguments.push_back(rows.load(d_, d_.i64(0), mask, last));
    }
    const plan::Access& out = kernel_.out;
    d_.store(emit_body(d_, kernel_.epilogue, arguments, width_)[0], d_.at(out, indices),
             d_.dtype(out.buffer), width_, mask);
  }

  Driver& d_;
  const plan::MatrixVectorKernel& kernel_;
  int width_;
  std::span<Value* const> batch_;  // indices of its loops
  Value* weight_ = nullptr;
};

}  // namespace

void emit(Driver& driver, const plan::MatrixVectorKernel& kernel) {
  MatrixVector(driver, kernel).emit();
}

}  // namespace mlpjit::codegen
