#include "lib/codegen/turned_rows.h"

#include <algorithm>
#include <numeric>

namespace mlpjit::codegen {

TurnedRows::TurnedRows(Emitter& e, DType dtype, int width, Value* first, Value* stride, Value* rows)
    : e_(e), dtype_(dtype), width_(width), first_(first), stride_(stride) {
  if (rows != nullptr) last_ = e.plus(rows, e.i64(-1));
  for (int row = 0; row < width; ++row) {
    if (last_ == nullptr && row % columns() != 0) continue;
    Value* number = e.i64(row);
    if (last_ != nullptr) number = e.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, number, last_);
    rows_.push_back(e.element(first, dtype, e.times(number, stride)));
  }
}

int TurnedRows::columns() const {
  return std::min(width_, static_cast<int>(16 / size_of(dtype_)));
}

Values TurnedRows::block(Value* k) const {
  const int count = columns();
  Values parts;  // part i: of rows i, i + count, ... 128 bits each
  for (int i = 0; i < count; ++i) {
    Values pieces;
    for (int row = i; row < width_; row += count) pieces.push_back(piece(k, row));
    parts.push_back(joined(std::move(pieces)));
  }
  // In each 128 bits: a square of `count` turned over, its halves first.
  for (int distance = 1; distance < count; distance *= 2) {
    for (int i = 0; i < count; ++i) {
      if ((i & distance) != 0) continue;
      Value *&a = parts[static_cast<std::size_t>(i)],
            *&c = parts[static_cast<std::size_t>(i + distance)];
      Value* low = swapped(a, c, distance, 0);
      c = swapped(a, c, distance, distance);
      a = low;
    }
  }
  return parts;
}

Value* TurnedRows::column(Value* k) const {
  return e_.load_strided(e_.element(first_, dtype_, k), dtype_, width_, stride_, last_);
}

// 128 bits of a row.
Value* TurnedRows::piece(Value* k, int row) const {
  const auto all = static_cast<std::size_t>(row);
  if (last_ != nullptr) return e_.load(e_.element(rows_[all], dtype_, k), dtype_, columns());
  Value* near = e_.element(rows_[all / static_cast<std::size_t>(columns())], dtype_, k);
  return e_.load(e_.element(near, dtype_, e_.times(e_.i64(row % columns()), stride_)), dtype_,
                 columns());
}

// Vectors side by side; their number is a power of two.
Value* TurnedRows::joined(Values pieces) const {
  for (int lanes = columns(); pieces.size() > 1; lanes *= 2) {
    std::vector<int> order(static_cast<std::size_t>(2 * lanes));
    std::iota(order.begin(), order.end(), 0);
    Values next;
    for (std::size_t i = 0; i < pieces.size(); i += 2)
      next.push_back(e_.b.CreateShuffleVector(pieces[i], pieces[i + 1], order));
    pieces = std::move(next);
  }
  return pieces[0];
}

// Groups of `distance` lanes: of `a` and `c` by turns those that begin at `first`.
Value* TurnedRows::swapped(Value* a, Value* c, int distance, int first) const {
  std::vector<int> order;
  for (int lane = 0; lane < width_; ++lane) {
    const bool from_c = (lane & distance) != 0;
    order.push_back((lane & ~distance) + first + (from_c ? width_ : 0));
  }
  return e_.b.CreateShuffleVector(a, c, order);
}

}  // namespace mlpjit::codegen
