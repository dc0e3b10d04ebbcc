#pragma once
// Where predictions go: CSV, arrays of numpy.

#include <cstdint>
#include <memory>
#include <string>

#include "mlpjit/mlpjit.h"

namespace mlpjit::run {

class PredictionSink {
 public:
  PredictionSink() = default;
  virtual ~PredictionSink() = default;
  PredictionSink(const PredictionSink&) = delete;
  PredictionSink& operator=(const PredictionSink&) = delete;

  // The results of a call on so many rows; of none in the first call, too. @throws UserError where
  // they cannot be written, or are not one entry for each row.
  virtual void write(const Tensors& results, std::int64_t rows) = 0;
  // What was written is where it belongs, or an error says that it is not.
  virtual void finish() = 0;
};

enum class Format { csv, npy, npz };

// To a file, or to standard output for "-".
std::unique_ptr<PredictionSink> open_sink(const nn::SymbolBlock& model, Format format,
                                          const std::string& path, char delimiter);

// @throws UserError where results are not one entry for each row.
void check_rows(const nn::SymbolBlock& model, const Tensors& results, std::int64_t rows);
// Elements of one row.
std::int64_t columns_of(const Tensor& result);

}  // namespace mlpjit::run
