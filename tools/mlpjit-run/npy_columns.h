#pragma once
// Arrays in Fortran's order, as pandas gives them: rows of what stands column by column.

#include <cstdint>
#include <vector>

#include "tools/mlpjit-run/byte_source.h"
#include "tools/mlpjit-run/npy.h"

namespace mlpjit::run {

class NpyColumns {
 public:
  // Elements that were not read yet; a temporary file has them, as rows need all of its places.
  // @throws UserError where there are fewer than the header says.
  NpyColumns(ByteSource& bytes, const NpyHeader& header);

  // Rows in C's order. @throws UserError where they cannot be read.
  void read(char* to, std::int64_t first, std::int64_t rows);

 private:
  const NpyHeader header_;
  File file_;
  std::vector<std::size_t> places_;  // of the columns, as they stand, in a row
  std::vector<char> column_;
};

}  // namespace mlpjit::run
