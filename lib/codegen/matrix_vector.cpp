// One column of a matrix product: the lanes of a vector are rows of the matrix, blocks of which are
// turned over in registers.

#include "lib/codegen/lanes.h"
#include "lib/codegen/module_builder.h"

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
    const auto [begin, end] =
        part ? d_.range(kernel_.m) : Driver::Range{d_.i64(0), d_.extent(kernel_.m)};
    Value* count = part ? d_.b.CreateNSWSub(end, begin) : end;
    const auto whole = [&, from = begin](std::int64_t rows) {  // a power of two
      return d_.plus(from, d_.b.CreateAnd(count, d_.i64(-rows)));
    };
    const std::int64_t most = std::int64_t{kernel_.vectors} * width_;
    Value *several = whole(most), *vectors = whole(width_);
    d_.loop(begin, several, most, [&](Value* r) { emit_tile(r, kernel_.vectors, nullptr); });
    if (kernel_.vectors > 1)
      d_.loop(several, vectors, width_, [&](Value* r) { emit_tile(r, 1, nullptr); });
    const bool comes_out_even = kernel_.m.multiple_of(width_) && !(part && !kernel_.m.is_known());
    if (comes_out_even) return;
    d_.branch(d_.b.CreateICmpSLT(vectors, end),
              [&, last = end] { emit_tile(vectors, 1, d_.b.CreateNSWSub(last, vectors)); });
  }

  Value* in_batch(plan::BufferId buffer, const std::vector<plan::Extent>& strides) {
    Value* first = d_.pointer(buffer);
    return strides.empty() ? first
                           : d_.element(first, d_.dtype(buffer), d_.offset(strides, batch_));
  }

  // Of a vector of rows: where its first rows of 128 bits of columns begin, and the distances of the
  // rows after each; of fewer rows than lanes the last one again.
  struct Rows {
    Values quarter;  // every `columns_`-th row
    Values single;   // or all, where some are missing
  };

  // `rows`: how many exist of one vector of them; null: all.
  void emit_tile(Value* r, int vectors, Value* rows) {
    const DType dtype = kernel_.dtype;
    Value* x = d_.element(in_batch(kernel_.x, kernel_.x_batch), dtype, d_.times(r, stride()));
    weight_ = in_batch(kernel_.weight, kernel_.weight_batch);
    last_ = rows == nullptr ? nullptr : d_.plus(rows, d_.i64(-1));
    std::vector<Rows> all;
    for (int v = 0; v < vectors; ++v) {
      Rows& made = all.emplace_back();
      for (int j = 0; j < width_; ++j) {
        if (last_ == nullptr && j % columns() != 0) continue;
        Value* row = d_.i64(v * width_ + j);
        if (last_ != nullptr) row = d_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, row, last_);
        (last_ == nullptr ? made.quarter : made.single)
            .push_back(d_.element(x, dtype, d_.times(row, stride())));
      }
    }
    const std::int64_t whole = kernel_.k / columns() * columns();
    Values sums =
        d_.loop(d_.i64(0), d_.i64(whole), columns(), Values(all.size(), d_.zero(dtype, width_)),
                [&](Value* k, Values carried) {
                  for (std::size_t v = 0; v < all.size(); ++v) add_block(k, all[v], carried[v]);
                  return carried;
                });
    for (std::int64_t k = whole; k < kernel_.k; ++k) {
      for (int v = 0; v < vectors; ++v) {
        Value* row = d_.times(d_.i64(v * width_), stride());
        Value* at = d_.element(d_.element(x, dtype, row), dtype, k);
        add(d_.load_strided(at, dtype, width_, stride(), last_), d_.i64(k), 0,
            sums[static_cast<std::size_t>(v)]);
      }
    }
    for (int v = 0; v < vectors; ++v) {
      Value* mask = rows == nullptr ? nullptr : d_.first_lanes(width_, rows);
      finish(sums[static_cast<std::size_t>(v)], d_.plus(r, d_.i64(v * width_)), mask);
    }
  }

  Value* stride() { return d_.number(kernel_.x_stride); }
  // Of a block: as many as 128 bits hold.
  int columns() const { return std::min(width_, static_cast<int>(16 / size_of(kernel_.dtype))); }

  // Columns k... of a vector of rows, one after the other into the sum.
  void add_block(Value* k, const Rows& rows, Value*& sum) {
    const int count = columns();
    Values parts;  // part i: of rows i, i + count, ... 128 bits each
    for (int i = 0; i < count; ++i) {
      Values pieces;
      for (int j = i; j < width_; j += count) pieces.push_back(piece(k, rows, j));
      parts.push_back(joined(std::move(pieces)));
    }
    // In each 128 bits: a square of `count` turned over.
    for (int distance = 1; distance < count; distance *= 2) {
      Values next(parts.size());
      for (int i = 0; i < count; ++i) {
        if ((i & distance) != 0) continue;
        Value *a = parts[static_cast<std::size_t>(i)],
              *c = parts[static_cast<std::size_t>(i + distance)];
        next[static_cast<std::size_t>(i)] = swapped(a, c, distance, 0);
        next[static_cast<std::size_t>(i + distance)] = swapped(a, c, distance, distance);
      }
      parts = std::move(next);
    }
    for (int c = 0; c < count; ++c) add(parts[static_cast<std::size_t>(c)], k, c, sum);
  }

  Value* piece(Value* k, const Rows& rows, int j) {
    const DType dtype = kernel_.dtype;
    if (!rows.single.empty())
      return d_.load(d_.element(rows.single[static_cast<std::size_t>(j)], dtype, k), dtype,
                     columns());
    Value* first = d_.element(rows.quarter[static_cast<std::size_t>(j / columns())], dtype, k);
    return d_.load(d_.element(first, dtype, d_.times(d_.i64(j % columns()), stride())), dtype,
                   columns());
  }

  // Vectors side by side; their number is a power of two.
  Value* joined(Values pieces) {
    while (pieces.size() > 1) {
      Values next;
      for (std::size_t i = 0; i < pieces.size(); i += 2) {
        std::vector<int> order(2 * lanes_of(pieces[i]));
        for (std::size_t lane = 0; lane < order.size(); ++lane)
          order[lane] = static_cast<int>(lane);
        next.push_back(d_.b.CreateShuffleVector(pieces[i], pieces[i + 1], order));
      }
      pieces = std::move(next);
    }
    return pieces[0];
  }
  static std::size_t lanes_of(Value* vector) {
    return llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements();
  }

  // One step of turning squares: blocks of `distance` columns from `first` on, those of `a` before
  // those of `c`.
  Value* swapped(Value* a, Value* c, int distance, int first) {
    std::vector<int> order;
    for (int lane = 0; lane < width_; ++lane) {
      const bool from_c = (lane & distance) != 0;
      order.push_back((lane & ~distance) + first + (from_c ? width_ : 0));
    }
    return d_.b.CreateShuffleVector(a, c, order);
  }

  void add(Value* column, Value* k, std::int64_t after, Value*& sum) {
    Value* at = d_.element(d_.element(weight_, kernel_.dtype, k), kernel_.dtype, after);
    sum = d_.fma(column, d_.load_splat(at, kernel_.dtype, width_), sum);
  }

  void finish(Value* sum, Value* r, Value* mask) {
    Values indices(batch_.begin(), batch_.end());
    indices.insert(indices.end(), {r, d_.i64(0)});
    const auto address = [&](const plan::Access& access) {
      return d_.element(d_.pointer(access.buffer), d_.dtype(access.buffer),
                        d_.offset(access.strides, indices));
    };
    Values arguments = {sum};
    for (const plan::Access& extra : kernel_.extras) {
      const InnerInput rows(d_, address(extra), d_.dtype(extra.buffer), kernel_.row_stride(extra),
                            width_);
      arguments.push_back(rows.load(d_, d_.i64(0), mask, last_));
    }
    const plan::Access& out = kernel_.out;
    d_.store(emit_body(d_, kernel_.epilogue, arguments, width_)[0], address(out),
             d_.dtype(out.buffer), width_, mask);
  }

  Driver& d_;
  const plan::MatrixVectorKernel& kernel_;
  int width_;
  std::span<Value* const> batch_;  // indices of its loops
  Value* weight_ = nullptr;
  Value* last_ = nullptr;  // row of a vector of which not all exist
};

}  // namespace

void emit(Driver& driver, const plan::MatrixVectorKernel& kernel) {
  MatrixVector(driver, kernel).emit();
}

}  // namespace mlpjit::codegen
