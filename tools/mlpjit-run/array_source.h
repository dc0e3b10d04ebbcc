#pragma once
// Rows of numpy's arrays as inputs of a model.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/mlpjit-run/columns.h"
#include "tools/mlpjit-run/npy_array.h"
#include "tools/mlpjit-run/npz.h"
#include "tools/mlpjit-run/row_source.h"

namespace mlpjit::run {

class ArraySource final : public RowSource {
 public:
  // One array: the rows of the one input, or a table whose columns are inputs (those `chosen` by
  // number, or all in the order of the inputs). Both @throw UserError for what does not fit.
  ArraySource(const nn::SymbolBlock& model, std::unique_ptr<ByteSource> npy,
              const std::vector<std::string>& chosen);
  // An archive: arrays by the names of the inputs, or one array as above.
  ArraySource(const nn::SymbolBlock& model, const NpzReader& npz,
              const std::vector<std::string>& chosen);

  std::int64_t next(std::int64_t most, Tensors& inputs) override;
  std::optional<double> fraction() const override {
    return rows_ == 0 ? 1.0 : static_cast<double>(done_) / static_cast<double>(rows_);
  }

 private:
  // What an array gives to an input.
  struct Feed {
    std::size_t input = 0;
    std::vector<std::size_t> columns;  // of a table; or none: the whole row
  };
  struct Array {
    NpyReader reader;
    std::vector<Feed> feeds;
    std::vector<char> part, gathered;
  };
  void add_table(std::unique_ptr<ByteSource> npy, const std::vector<std::string>& chosen);
  void add_by_names(const NpzReader& npz);
  void add_whole(NpyReader reader, std::size_t input);
  void check_type(const NpyReader& reader, std::size_t input) const;
  void read(Array& array, std::int64_t rows, Tensors& inputs);
  void give(Array& array, const Feed& feed, std::int64_t from, std::int64_t rows, Tensor& to);
  void convert_rows(const Array& array, const Feed& feed, const char* bytes, std::int64_t from,
                    std::int64_t rows, Tensor& to) const;

  const nn::SymbolBlock& model_;
  std::vector<ModelInput> inputs_;
  std::vector<Array> arrays_;
  std::vector<Shape> shapes_;  // of the inputs, for no rows
  std::int64_t rows_ = 0, done_ = 0;
};

}  // namespace mlpjit::run
