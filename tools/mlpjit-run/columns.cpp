#include "tools/mlpjit-run/columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace mlpjit::run {
namespace {

using Places = std::vector<std::vector<std::size_t>>;

bool has(const std::vector<std::string>& header, const std::string& name) {
  return std::find(header.begin(), header.end(), name) != header.end();
}

// A column of the input's name; of several columns NAME_0, NAME_1, ...
Places by_names(const std::vector<ModelInput>& inputs, const TableColumns& table) {
  Places places;
  for (const ModelInput& input : inputs) {
    std::vector<std::size_t>& columns = places.emplace_back(input.columns());
    for (std::size_t k = 0; k < columns.size(); ++k) {
      std::string name = fmt::format("{}_{}", input.name, k);
      if (columns.size() == 1 && (has(table.header, input.name) || !has(table.header, name)))
        name = input.name;
      const auto found = std::find(table.header.begin(), table.header.end(), name);
      if (found == table.header.end())
        throw UserError(fmt::format("{}: the table has no column '{}'", table.name, name));
      columns[k] = static_cast<std::size_t>(found - table.header.begin());
    }
  }
  return places;
}

Places by_order(const std::vector<ModelInput>& inputs, const std::string& has_columns,
                std::size_t width) {
  Places places;
  std::size_t next = 0;
  std::string wanted;
  for (const ModelInput& input : inputs) {
    std::vector<std::size_t>& columns = places.emplace_back(input.columns());
    wanted += fmt::format("{}{} of '{}'", wanted.empty() ? "" : ", ", columns.size(), input.name);
    for (std::size_t& column : columns) column = next++;
  }
  if (next == width) return places;
  throw UserError(
      fmt::format("{} {} columns, the model takes {} ({}): name the columns with "
                  "--columns, by their names or numbers",
                  has_columns, width, next, wanted));
}

std::size_t column_of(const TableColumns& table, const std::string& name) {
  const auto found = std::find(table.header.begin(), table.header.end(), name);
  if (found != table.header.end()) return static_cast<std::size_t>(found - table.header.begin());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  if (whole && number >= 1 && number <= table.width) return number - 1;
  throw UserError(fmt::format("{}: --columns: '{}' is no column: {}", table.name, name,
                              table.header.empty()
                                  ? fmt::format("there are 1 to {}", table.width)
                                  : fmt::format("{}", fmt::join(table.header, ", "))));
}

}  // namespace

std::size_t ModelInput::columns() const {
  return static_cast<std::size_t>(shape(1).size());
}

Shape ModelInput::shape(std::int64_t rows) const {
  Shape shape{Dim(rows)};
  for (int axis = 1; axis < spec.shape.rank(); ++axis) {
    if (!spec.shape[axis].is_static())
      throw UserError(
          fmt::format("input '{}' is {}: its columns are not so many for every row, "
                      "which only arrays say (.npy, .npz)",
                      name, to_string(spec)));
    shape.push_back(spec.shape[axis]);
  }
  return shape;
}

std::vector<ModelInput> inputs_of(const nn::SymbolBlock& model) {
  std::vector<ModelInput> inputs;
  const std::vector<std::string> names = model.input_names();
  const std::vector<TensorSpec> specs = model.input_specs();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (specs[i].shape.rank() == 0 || specs[i].shape[0].is_static()) {
      throw UserError(fmt::format("input '{}' is {}: expected a first size that is any, the rows",
                                  names[i], to_string(specs[i])));
    }
    inputs.push_back({names[i], specs[i], model.is_coded(names[i])});
  }
  return inputs;
}

std::vector<std::vector<std::size_t>> match_columns(const std::vector<ModelInput>& inputs,
                                                    const TableColumns& table,
                                                    const std::vector<std::string>& chosen) {
  if (!chosen.empty()) {
    std::vector<std::size_t> columns;
    for (const std::string& name : chosen) columns.push_back(column_of(table, name));
    Places places = by_order(inputs, table.name + ": --columns has", columns.size());
    for (std::vector<std::size_t>& input : places) {
      for (std::size_t& column : input) column = columns[column];
    }
    return places;
  }
  // By their order only where the table knows no name of the model's.
  const bool named = std::any_of(inputs.begin(), inputs.end(), [&](const ModelInput& input) {
    return has(table.header, input.name) || has(table.header, input.name + "_0");
  });
  return named ? by_names(inputs, table)
               : by_order(inputs, table.name + ": the table has", table.width);
}

}  // namespace mlpjit::run
