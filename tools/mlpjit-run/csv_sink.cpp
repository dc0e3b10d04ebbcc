#include "tools/mlpjit-run/csv_sink.h"

#include <cmath>
#include <iterator>

#include "tools/mlpjit-run/csv_reader.h"

namespace mlpjit::run {

CsvSink::CsvSink(const nn::SymbolBlock& model, const std::string& path, char delimiter)
    : model_(model), delimiter_(delimiter), out_(path, OutputFile::Access::stream) {}

std::string CsvSink::label(std::int64_t columns, std::int64_t k) const {
  const bool classes = static_cast<std::int64_t>(model_.classes().size()) == columns;
  return classes ? model_.classes()[static_cast<std::size_t>(k)] : std::to_string(k);
}

std::string CsvSink::header(const Tensors& results) const {
  std::string line;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string& name = model_.output_names()[i];
    const std::int64_t columns = columns_of(results[i]);
    for (std::int64_t k = 0; k < columns; ++k) {
      if (!line.empty()) line += delimiter_;
      line += quoted(columns == 1 ? name : name + "_" + label(columns, k), delimiter_);
    }
  }
  return line + "\n";
}

void CsvSink::append(const Tensor& result, bool coded, std::size_t element) {
  const auto put = [&](const auto& value) {
    fmt::format_to(std::back_inserter(text_), "{}", value);
  };
  // The sign of NaN is not the same on every machine.
  const auto real = [&](auto value) { put(std::isnan(value) ? std::fabs(value) : value); };
  switch (result.dtype()) {
    case DType::f32: return real(result.data<float>()[element]);
    case DType::f64: return real(result.data<double>()[element]);
    case DType::i32: return put(result.data<std::int32_t>()[element]);
    case DType::boolean: return put(result.data<bool>()[element] ? 1 : 0);
    case DType::i64: break;
  }
  const std::int64_t value = result.data<std::int64_t>()[element];
  if (!coded) return put(value);
  const auto place = static_cast<std::size_t>(value);
  if (place < model_.strings().size()) put(quoted(model_.strings()[place], delimiter_));
}

void CsvSink::write(const Tensors& results, std::int64_t rows) {
  check_rows(model_, results, rows);
  if (!begun_) out_.write(header(results));
  begun_ = true;
  std::vector<std::size_t> columns;
  std::vector<bool> coded;
  for (std::size_t i = 0; i < results.size(); ++i) {
    columns.push_back(static_cast<std::size_t>(columns_of(results[i])));
    coded.push_back(results[i].dtype() == DType::i64 && model_.is_coded(model_.output_names()[i]));
  }
  text_.clear();
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const std::size_t start = text_.size();
    for (std::size_t i = 0; i < results.size(); ++i) {
      for (std::size_t k = 0; k < columns[i]; ++k) {
        if (text_.size() > start) text_.push_back(delimiter_);
        append(results[i], coded[i], row * columns[i] + k);
      }
    }
    text_.push_back('\n');
  }
  out_.write({text_.data(), text_.size()});
}

}  // namespace mlpjit::run
