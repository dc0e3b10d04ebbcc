#pragma once
// Rows of CSV as inputs of a model.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/mlpjit-run/columns.h"
#include "tools/mlpjit-run/csv_reader.h"
#include "tools/mlpjit-run/row_source.h"

namespace mlpjit::run {

struct CsvOptions {
  char delimiter = ',';
  std::optional<bool> header;  // whether the first line has names; else as it looks
  bool skip_bad = false;
  std::vector<std::string> columns;  // chosen by name or number
};

class CsvSource final : public RowSource {
 public:
  CsvSource(const nn::SymbolBlock& model, std::unique_ptr<ByteSource> bytes, CsvOptions options);

  std::int64_t next(std::int64_t most, Tensors& inputs) override;
  std::optional<double> fraction() const override { return bytes_->fraction(); }
  std::int64_t left_out() const override { return left_out_; }

 private:
  struct Collected {
    std::vector<std::size_t> columns;
    std::vector<double> numbers;      // f32 and f64
    std::vector<std::int64_t> whole;  // integers, bools and codes
  };
  void begin(const CsvRow* first);
  void take(const CsvRow& row);
  // @throws UserError naming the column, and the row is not taken.
  void add(const CsvRow& row);
  void add_field(const std::string& field, std::size_t column, std::size_t input);
  Tensor taken(std::size_t input) const;

  const nn::SymbolBlock& model_;
  const std::unique_ptr<ByteSource> bytes_;
  const CsvOptions options_;
  CsvReader reader_;
  std::vector<ModelInput> inputs_;
  std::optional<TableColumns> table_;
  std::vector<Collected> collected_;
  std::int64_t rows_ = 0, left_out_ = 0;
};

}  // namespace mlpjit::run
