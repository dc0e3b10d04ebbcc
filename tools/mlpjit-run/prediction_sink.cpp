#include "tools/mlpjit-run/prediction_sink.h"

#include <fmt/format.h>

#include "tools/mlpjit-run/array_sink.h"
#include "tools/mlpjit-run/csv_sink.h"

namespace mlpjit::run {

std::unique_ptr<PredictionSink> open_sink(const nn::SymbolBlock& model, Format format,
                                          const std::string& path, char delimiter) {
  switch (format) {
    case Format::csv: return std::make_unique<CsvSink>(model, path, delimiter);
    case Format::npy: return std::make_unique<NpySink>(model, path);
    case Format::npz: break;
  }
  return std::make_unique<NpzSink>(model, path);
}

void check_rows(const nn::SymbolBlock& model, const Tensors& results, std::int64_t rows) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Shape& shape = results[i].shape();
    if (shape.rank() > 0 && shape[0].value() == rows) continue;
    throw UserError(fmt::format("output '{}' is {}: not one entry for each of {} rows",
                                model.output_names()[i], to_string(shape), rows));
  }
}

std::int64_t columns_of(const Tensor& result) {
  std::int64_t count = 1;
  for (int axis = 1; axis < result.rank(); ++axis) count *= result.shape()[axis].value();
  return count;
}

}  // namespace mlpjit::run
