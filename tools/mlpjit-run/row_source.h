#pragma once
// Where rows come from: CSV, arrays of numpy.

#include <cstdint>
#include <optional>

#include "mlpjit/mlpjit.h"

namespace mlpjit::run {

class RowSource {
 public:
  RowSource() = default;
  virtual ~RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;

  // The next rows, as inputs of the model, and how many: fewer than `most` only at the end. No rows
  // are inputs, too. @throws UserError naming the file and the place.
  virtual std::int64_t next(std::int64_t most, Tensors& inputs) = 0;
  // The share of the rows that was read, of 1; nothing where nobody knows how many there are.
  virtual std::optional<double> fraction() const = 0;
  // Rows that could not be read and were left out.
  virtual std::int64_t left_out() const { return 0; }
};

}  // namespace mlpjit::run
