#pragma once
// Predictions as arrays of numpy: one in .npy, one of each output in .npz.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/mlpjit-run/npy_array.h"
#include "tools/mlpjit-run/output_file.h"
#include "tools/mlpjit-run/prediction_sink.h"

namespace mlpjit::run {

// One output on its way into a file.
class OutputArray {
 public:
  OutputArray(const nn::SymbolBlock& model, std::size_t output, std::FILE* file);
  // Both: false where it could not be written. @throws UserError where rows are of another shape
  // than those before.
  bool write(const Tensor& result);
  bool finish();

 private:
  std::string_view bytes(const Tensor& result);
  std::string_view strings(const Tensor& codes);

  const nn::SymbolBlock& model_;
  const std::string name_;
  const bool coded_;
  std::FILE* file_;
  std::optional<NpyWriter> writer_;
  NpyHeader header_;
  std::int64_t rows_ = 0;
  std::string text_;
};

class NpySink final : public PredictionSink {
 public:
  // @throws UserError where the model has several outputs.
  NpySink(const nn::SymbolBlock& model, const std::string& path);
  void write(const Tensors& results, std::int64_t rows) override;
  void finish() override;

 private:
  const nn::SymbolBlock& model_;
  std::unique_ptr<OutputFile> out_;
  std::unique_ptr<OutputArray> array_;
};

class NpzSink final : public PredictionSink {
 public:
  NpzSink(const nn::SymbolBlock& model, const std::string& path);
  void write(const Tensors& results, std::int64_t rows) override;
  void finish() override;

 private:
  const nn::SymbolBlock& model_;
  OutputFile out_;
  std::vector<File> files_;
  std::vector<OutputArray> arrays_;
};

}  // namespace mlpjit::run
