#pragma once
// Which columns of a table are which inputs of a model.

#include <cstdint>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"

namespace mlpjit::run {

struct ModelInput {
  std::string name;
  TensorSpec spec;
  bool coded = false;  // of strings

  // Elements of one row: of all axes but the first. @throws UserError where rows may have more or
  // fewer.
  std::size_t columns() const;
  // Its shape for so many rows. @throws as columns().
  Shape shape(std::int64_t rows) const;
};

// @throws UserError where an input has no axis of rows.
std::vector<ModelInput> inputs_of(const nn::SymbolBlock& model);

// A table as messages name it, and what is known of its columns.
struct TableColumns {
  std::string name;
  std::vector<std::string> header;  // empty where it has none
  std::size_t width = 0;
};

// For each input the places of its columns: those `chosen` by name or number, in the order of the
// inputs; or else by the names in the header; or else by their order. @throws UserError where
// columns and inputs do not fit.
std::vector<std::vector<std::size_t>> match_columns(const std::vector<ModelInput>& inputs,
                                                    const TableColumns& table,
                                                    const std::vector<std::string>& chosen);

}  // namespace mlpjit::run
