#include "tools/mlpjit-run/columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace mlpjit::run {
namespace {

// Columns of one row: all axes but the batch's.
std::size_t columns_of(const std::string& name, const TensorSpec& spec) {
  std::int64_t count = 1;
  if (spec.shape.rank() == 0 || spec.shape[0].is_static()) {
    throw UserError(fmt::format("input '{}' is {}: expected a first size that is any, the rows",
                                name, to_string(spec)));
  }
  for (int axis = 1; axis < spec.shape.rank(); ++axis) {
    if (!spec.shape[axis].is_static())
      throw UserError(fmt::format("input '{}' is {}: its columns are not so many for every row",
                                  name, to_string(spec)));
    count *= spec.shape[axis].value();
  }
  return static_cast<std::size_t>(count);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

template <class T>
bool parse(std::string_view text, T& to) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_whole(std::string_view text, DType dtype, std::int64_t& to) {
  if (dtype == DType::boolean) {
    if (text == "true" || text == "True" || text == "TRUE") return to = 1, true;
    if (text == "false" || text == "False" || text == "FALSE") return to = 0, true;
  }
  if (parse(text, to)) {
    return dtype == DType::i64 || (dtype == DType::i32 && to == static_cast<std::int32_t>(to)) ||
           (dtype == DType::boolean && (to == 0 || to == 1));
  }
  double number = 0;  // "3.0", as tables with gaps have integers
  if (!parse(text, number) || number != static_cast<double>(static_cast<std::int64_t>(number)))
    return false;
  to = static_cast<std::int64_t>(number);
  return dtype == DType::i64;
}

template <class T, class From>
Tensor made(const std::vector<From>& elements, const Shape& shape, DType dtype) {
  Tensor tensor = zeros(shape, dtype);
  std::transform(elements.begin(), elements.end(), tensor.mutable_data<T>().begin(),
                 [](From element) { return static_cast<T>(element); });
  return tensor;
}

}  // namespace

Batch::Batch(const nn::SymbolBlock& model, const std::vector<std::string>& header,
             const std::vector<std::string>& chosen, std::size_t width)
    : model_(model), header_(header), width_(width) {
  const std::vector<std::string> names = model.input_names();
  const std::vector<TensorSpec> specs = model.input_specs();
  for (std::size_t i = 0; i < names.size(); ++i) {
    Input& input = inputs_.emplace_back();
    input.name = names[i];
    input.spec = specs[i];
    input.coded = model.is_coded(names[i]);
    input.columns.resize(columns_of(input.name, input.spec));
  }
  const auto has = [&](const Input& input) {
    return std::find(header.begin(), header.end(), input.name) != header.end() ||
           std::find(header.begin(), header.end(), input.name + "_0") != header.end();
  };
  if (!chosen.empty()) {
    choose(header, chosen, width);
  } else if (std::all_of(inputs_.begin(), inputs_.end(), has)) {
    match_names(header);
  } else {
    match_order(width);
  }
}

// A column of the input's name; of several columns NAME_0, NAME_1, ...
void Batch::match_names(const std::vector<std::string>& header) {
  for (Input& input : inputs_) {
    for (std::size_t k = 0; k < input.columns.size(); ++k) {
      std::string name = fmt::format("{}_{}", input.name, k);
      auto found = std::find(header.begin(), header.end(), name);
      if (found == header.end() && input.columns.size() == 1)
        found = std::find(header.begin(), header.end(), name = input.name);
      if (found == header.end()) throw UserError(fmt::format("the table has no column '{}'", name));
      input.columns[k] = static_cast<std::size_t>(found - header.begin());
    }
  }
}

void Batch::match_order(std::size_t width) {
  std::size_t next = 0;
  std::string wanted;
  for (Input& input : inputs_) {
    wanted +=
        fmt::format("{}{} of '{}'", wanted.empty() ? "" : ", ", input.columns.size(), input.name);
    for (std::size_t& column : input.columns) column = next++;
  }
  if (next == width) return;
  throw UserError(
      fmt::format("the table has {} columns, the model takes {} ({}): name the columns with "
                  "--columns, by their "
                  "names or numbers",
                  width, next, wanted));
}

void Batch::choose(const std::vector<std::string>& header, const std::vector<std::string>& chosen,
                   std::size_t width) {
  std::vector<std::size_t> columns;
  for (const std::string& name : chosen) {
    const auto found = std::find(header.begin(), header.end(), name);
    std::size_t number = 0;
    if (found != header.end()) {
      columns.push_back(static_cast<std::size_t>(found - header.begin()));
    } else if (parse(name, number) && number >= 1 && number <= width) {
      columns.push_back(number - 1);
    } else {
      throw UserError(fmt::format("--columns: '{}' is no column: {}", name,
                                  header.empty() ? fmt::format("there are 1 to {}", width)
                                                 : fmt::format("{}", fmt::join(header, ", "))));
    }
  }
  match_order(columns.size());
  for (Input& input : inputs_) {
    for (std::size_t& column : input.columns) column = columns[column];
  }
}

void Batch::add(const CsvRow& row) {
  if (row.fields.size() != width_)
    throw UserError(fmt::format("expected {} columns, found {}", width_, row.fields.size()));
  std::size_t done = 0;
  try {
    for (Input& input : inputs_) {
      const bool number = input.spec.dtype == DType::f32 || input.spec.dtype == DType::f64;
      for (const std::size_t column : input.columns) {
        const std::string& field = row.fields[column];
        const std::string_view text = trimmed(field);
        double value = 0;
        std::int64_t whole = 0;
        const bool fits = input.coded ? (whole = model_.code(field), true)
                          : number    ? parse(text, value)
                                      : parse_whole(text, input.spec.dtype, whole);
        if (!fits) {
          throw UserError(fmt::format(
              "column {}: expected {}, found '{}'",
              header_.empty() ? std::to_string(column + 1) : "'" + header_[column] + "'",
              number ? "a number" : to_string(input.spec.dtype), field));
        }
        number ? input.numbers.push_back(value) : input.whole.push_back(whole);
      }
      ++done;
    }
  } catch (...) {  // nothing of the row stays
    for (Input& input : inputs_) {
      const auto before = static_cast<std::size_t>(rows_) * input.columns.size();
      if (input.numbers.size() > before) input.numbers.resize(before);
      if (input.whole.size() > before) input.whole.resize(before);
    }
    throw;
  }
  ++rows_;
}

Tensors Batch::take() {
  Tensors tensors;
  for (Input& input : inputs_) {
    Shape shape{Dim(rows_)};
    for (int axis = 1; axis < input.spec.shape.rank(); ++axis)
      shape.push_back(input.spec.shape[axis]);
    const DType dtype = input.spec.dtype;
    switch (dtype) {
      case DType::f32: tensors.push_back(made<float>(input.numbers, shape, dtype)); break;
      case DType::f64: tensors.push_back(made<double>(input.numbers, shape, dtype)); break;
      case DType::i32: tensors.push_back(made<std::int32_t>(input.whole, shape, dtype)); break;
      case DType::i64: tensors.push_back(made<std::int64_t>(input.whole, shape, dtype)); break;
      default: tensors.push_back(made<bool>(input.whole, shape, dtype));
    }
    input.numbers.clear();
    input.whole.clear();
  }
  rows_ = 0;
  return tensors;
}

}  // namespace mlpjit::run
