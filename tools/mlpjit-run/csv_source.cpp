#include "tools/mlpjit-run/csv_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iostream>

#include "tools/mlpjit-run/elements.h"

namespace mlpjit::run {
namespace {

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

// As pandas and others write bools, whatever the model makes of them.
template <class T>
bool parse_bool(std::string_view text, T& to) {
  if (text == "true" || text == "True" || text == "TRUE") return to = 1, true;
  if (text == "false" || text == "False" || text == "FALSE") return to = 0, true;
  return false;
}

bool parse_whole(std::string_view text, DType dtype, std::int64_t& to) {
  if (parse_bool(text, to)) return true;
  double number = 0;  // "3.0", as tables with gaps have integers
  return (parse(text, to) || (parse(text, number) && to_whole(number, to))) && holds(dtype, to);
}

// Numbers, and not those that tables without names have for names: 0, 1, 2, ... or 1, 2, 3, ...
bool is_row(const std::vector<std::string>& header) {
  double number = 0, first = 0;
  bool counts = true;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (!parse(trimmed(header[i]), number)) return false;
    if (i == 0) first = number;
    counts = counts && number == first + static_cast<double>(i);
  }
  return !counts || (first != 0 && first != 1);
}

template <class T, class From>
Tensor made(const std::vector<From>& elements, const Shape& shape, DType dtype) {
  Tensor tensor = zeros(shape, dtype);
  std::transform(elements.begin(), elements.end(), tensor.mutable_data<T>().begin(),
                 [](From element) { return static_cast<T>(element); });
  return tensor;
}

}  // namespace

CsvSource::CsvSource(const nn::SymbolBlock& model, std::unique_ptr<ByteSource> bytes,
                     CsvOptions options)
    : model_(model),
      bytes_(std::move(bytes)),
      options_(std::move(options)),
      reader_(*bytes_, options_.delimiter),
      inputs_(inputs_of(model)) {}

std::int64_t CsvSource::next(std::int64_t most, Tensors& inputs) {
  if (!table_) begin(reader_.next());
  for (const CsvRow* row = nullptr; rows_ < most && (row = reader_.next()) != nullptr;) take(*row);
  inputs.clear();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    inputs.push_back(taken(i));
    collected_[i].numbers.clear();
    collected_[i].whole.clear();
  }
  return std::exchange(rows_, 0);
}

// The first line has the names of the columns, or is the first row.
void CsvSource::begin(const CsvRow* first) {
  const bool header = options_.header.value_or(true);
  if (first == nullptr && header)
    throw UserError(fmt::format("{}: the table is empty", bytes_->name()));
  table_ = {bytes_->name(), {}, first == nullptr ? 0 : first->fields.size()};
  if (header) table_->header = first->fields;
  if (!options_.header && is_row(table_->header)) {
    throw UserError(
        fmt::format("{}:1: the first line is numbers: --no-header says that it is a row, --header "
                    "that it has the names of the columns",
                    bytes_->name()));
  }
  collected_.resize(inputs_.size());
  if (first == nullptr) return;
  auto places = match_columns(inputs_, *table_, options_.columns);
  for (std::size_t i = 0; i < inputs_.size(); ++i) collected_[i].columns = std::move(places[i]);
  if (!header) take(*first);
}

void CsvSource::take(const CsvRow& row) {
  try {
    add(row);
  } catch (const UserError& error) {
    const std::string why = fmt::format("{}:{}: {}", bytes_->name(), row.line, error.what());
    if (!options_.skip_bad) throw UserError(why + "; --skip-bad leaves such rows out");
    if (left_out_++ < 10) std::cerr << "mlpjit-run: left out: " << why << "\n";
  }
}

void CsvSource::add(const CsvRow& row) {
  if (row.fields.size() != table_->width)
    throw UserError(fmt::format("expected {} columns, found {}", table_->width, row.fields.size()));
  try {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      for (const std::size_t column : collected_[i].columns)
        add_field(row.fields[column], column, i);
    }
  } catch (...) {  // nothing of the row stays
    for (Collected& input : collected_) {
      const auto before = static_cast<std::size_t>(rows_) * input.columns.size();
      if (input.numbers.size() > before) input.numbers.resize(before);
      if (input.whole.size() > before) input.whole.resize(before);
    }
    throw;
  }
  ++rows_;
}

void CsvSource::add_field(const std::string& field, std::size_t column, std::size_t input) {
  const DType dtype = inputs_[input].spec.dtype;
  const bool number = is_floating(dtype);
  const std::string_view text = trimmed(field);
  double value = 0;
  std::int64_t whole = 0;
  const bool fits = inputs_[input].coded ? (whole = model_.code(field), true)
                    : number             ? parse(text, value) || parse_bool(text, value)
                                         : parse_whole(text, dtype, whole);
  if (!fits) {
    throw UserError(fmt::format(
        "column {}: expected {}, found '{}'",
        table_->header.empty() ? std::to_string(column + 1) : "'" + table_->header[column] + "'",
        number ? "a number (nan for one that is missing)" : to_string(dtype), field));
  }
  number ? collected_[input].numbers.push_back(value) : collected_[input].whole.push_back(whole);
}

Tensor CsvSource::taken(std::size_t input) const {
  const Collected& from = collected_[input];
  const Shape shape = inputs_[input].shape(rows_);
  const DType dtype = inputs_[input].spec.dtype;
  switch (dtype) {
    case DType::f32: return made<float>(from.numbers, shape, dtype);
    case DType::f64: return made<double>(from.numbers, shape, dtype);
    case DType::i32: return made<std::int32_t>(from.whole, shape, dtype);
    case DType::i64: return made<std::int64_t>(from.whole, shape, dtype);
    case DType::boolean: break;
  }
  return made<bool>(from.whole, shape, dtype);
}

}  // namespace mlpjit::run
