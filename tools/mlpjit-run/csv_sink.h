#pragma once
// Predictions as lines of CSV.

#include <fmt/format.h>

#include <string>

#include "tools/mlpjit-run/output_file.h"
#include "tools/mlpjit-run/prediction_sink.h"

namespace mlpjit::run {

class CsvSink final : public PredictionSink {
 public:
  CsvSink(const nn::SymbolBlock& model, const std::string& path, char delimiter);
  void write(const Tensors& results, std::int64_t rows) override;
  void finish() override { out_.finish(); }

 private:
  std::string header(const Tensors& results) const;
  // The name of a column of several: the class, where there is one for each.
  std::string label(std::int64_t columns, std::int64_t k) const;
  void append(const Tensor& result, bool coded, std::size_t element);

  const nn::SymbolBlock& model_;
  const char delimiter_;
  OutputFile out_;
  bool begun_ = false;
  fmt::memory_buffer text_;
};

}  // namespace mlpjit::run
