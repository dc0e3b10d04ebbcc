#pragma once
// Columns of a matrix that lies in rows, each as a vector over some rows: blocks of it are turned
// over in registers.

#include <cstdint>

#include "lib/codegen/emitter.h"

namespace mlpjit::codegen {

class TurnedRows {
 public:
  // `width` rows, the first at `first`, `stride` elements from one to the next; of them `rows`
  // exist (null: all), and the last of these stands for those that do not. Elements have 4 or 8
  // bytes.
  TurnedRows(Emitter& emitter, DType dtype, int width, Value* first, Value* stride, Value* rows);

  // Columns of a block: as many as 128 bits hold, or a vector.
  int columns() const;
  // The columns of the block that begins at column `k`.
  Values block(Value* k) const;
  // One column.
  Value* column(Value* k) const;
  // The number of the last row that exists; null: all do.
  Value* last() const { return last_; }

 private:
  Value* piece(Value* k, int row) const;
  Value* joined(Values pieces) const;
  Value* swapped(Value* a, Value* c, int distance, int first) const;

  Emitter& e_;
  DType dtype_;
  int width_;
  Value *first_, *stride_, *last_ = nullptr;
  // Every columns()-th row, from which those behind it are a multiple of the stride away; or all,
  // where some do not exist.
  Values rows_;
};

}  // namespace mlpjit::codegen
