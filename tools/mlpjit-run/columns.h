#pragma once
// Which columns of a table are which inputs of a model, and rows as inputs.

#include <cstdint>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"
#include "tools/mlpjit-run/csv_reader.h"

namespace mlpjit::run {

// Collects rows as inputs of a model.
class Batch {
 public:
  // `header` is empty where the table has none; `chosen` are columns by name or number, in the
  // order of the inputs, or empty. @throws UserError where columns and inputs do not fit.
  Batch(const nn::SymbolBlock& model, const std::vector<std::string>& header,
        const std::vector<std::string>& chosen, std::size_t width);

  // @throws UserError naming the column, and the row is not taken.
  void add(const CsvRow& row);
  std::int64_t rows() const { return rows_; }
  // The inputs; and none are collected any more.
  Tensors take();

 private:
  struct Input {
    std::string name;
    TensorSpec spec;
    bool coded = false;
    std::vector<std::size_t> columns;
    std::vector<double> numbers;      // f32 and f64
    std::vector<std::int64_t> whole;  // integers, bools and codes
  };
  void match_names(const std::vector<std::string>& header);
  void match_order(std::size_t width);
  void choose(const std::vector<std::string>& header, const std::vector<std::string>& chosen,
              std::size_t width);

  const nn::SymbolBlock& model_;
  std::vector<std::string> header_;
  std::vector<Input> inputs_;
  std::int64_t rows_ = 0;
  std::size_t width_;
};

}  // namespace mlpjit::run
