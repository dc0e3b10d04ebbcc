// mlpjit-run: predictions of a trained model for the rows of a table.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <new>
#include <optional>

#include "tools/mlpjit-run/columns.h"
#include "tools/mlpjit-run/csv_reader.h"

namespace mlpjit::run {
namespace {

enum ExitCode : int { kDone = 0, kFailed = 1, kBadCommand = 2, kUnsupported = 3 };

struct Settings {
  std::string model, params, rows = "-", out = "-";
  std::vector<std::string> columns;
  std::int64_t batch = 1024;
  char delimiter = ',';
  bool no_header = false, skip_bad = false, quiet = false, interpret = false;
  int threads = 1;
};

nn::SymbolBlock load(const Settings& settings) {
  constexpr std::string_view kEnding = "-symbol.json";
  if (!settings.model.ends_with(".json")) return nn::SymbolBlock::imports(settings.model);
  std::string params = settings.params;
  if (params.empty() && settings.model.ends_with(kEnding))
    params = settings.model.substr(0, settings.model.size() - kEnding.size()) + "-0000.params";
  return nn::SymbolBlock::imports(settings.model, params);
}

// Where predictions go: a file, or standard output.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path) {
    file_ = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
    if (file_ == nullptr) throw UserError(fmt::format("{}: cannot be written", path));
  }
  ~Output() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) fail();
  }
  // What was written has arrived, or an error says that it has not.
  void finish() {
    if (std::fflush(file_) != 0 || std::ferror(file_) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const { throw UserError(fmt::format("{}: cannot be written", path_)); }
  std::string path_;
  std::FILE* file_ = nullptr;
};

// The predictions of a batch as lines of CSV.
class Predictions {
 public:
  Predictions(const nn::SymbolBlock& model, char delimiter)
      : model_(model), delimiter_(delimiter) {}

  std::string header(const Tensors& results) const {
    std::string line;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const std::string& name = model_.output_names()[i];
      const std::int64_t columns = columns_of(results[i]);
      for (std::int64_t k = 0; k < columns; ++k)
        append(line, quoted(columns == 1 ? name : name + "_" + label(columns, k), delimiter_));
    }
    return line + "\n";
  }

  std::string rows(const Tensors& results, std::int64_t count) const {
    std::vector<std::vector<std::string>> fields;
    for (std::size_t i = 0; i < results.size(); ++i)
      fields.push_back(fields_of(i, results[i], count));
    std::string text;
    for (std::int64_t row = 0; row < count; ++row) {
      std::string line;
      for (std::size_t i = 0; i < results.size(); ++i) {
        const std::int64_t columns = columns_of(results[i]);
        for (std::int64_t k = 0; k < columns; ++k)
          append(line, fields[i][static_cast<std::size_t>(row * columns + k)]);
      }
      text += line + "\n";
    }
    return text;
  }

 private:
  void append(std::string& line, const std::string& field) const {
    if (!line.empty()) line += delimiter_;
    line += field;
  }
  static std::int64_t columns_of(const Tensor& result) {
    std::int64_t count = 1;
    for (int axis = 1; axis < result.rank(); ++axis) count *= result.shape()[axis].value();
    return count;
  }
  std::string label(std::int64_t columns, std::int64_t k) const {
    const bool classes = static_cast<std::int64_t>(model_.classes().size()) == columns;
    return classes ? model_.classes()[static_cast<std::size_t>(k)] : std::to_string(k);
  }
  std::vector<std::string> fields_of(std::size_t i, const Tensor& result,
                                     std::int64_t count) const {
    if (result.rank() == 0 || result.shape()[0].value() != count) {
      throw UserError(fmt::format("output '{}' is {}: not one entry for each of {} rows",
                                  model_.output_names()[i], to_string(result.shape()), count));
    }
    std::vector<std::string> fields;
    const auto each = [&](const auto& elements, const auto& text) {
      for (const auto& element : elements) fields.push_back(text(element));
    };
    const auto plain = [](const auto& element) { return fmt::format("{}", element); };
    switch (result.dtype()) {
      case DType::f32: each(result.to_vector<float>(), plain); break;
      case DType::f64: each(result.to_vector<double>(), plain); break;
      case DType::i32: each(result.to_vector<std::int32_t>(), plain); break;
      case DType::boolean: each(cast(result, DType::i64).to_vector<std::int64_t>(), plain); break;
      default:
        if (!model_.is_coded(model_.output_names()[i])) {
          each(result.to_vector<std::int64_t>(), plain);
          break;
        }
        each(result.to_vector<std::int64_t>(), [&](std::int64_t code) {
          const auto place = static_cast<std::size_t>(code);
          return place < model_.strings().size() ? quoted(model_.strings()[place], delimiter_)
                                                 : std::string();
        });
    }
    return fields;
  }

  const nn::SymbolBlock& model_;
  const char delimiter_;
};

class Run {
 public:
  explicit Run(const Settings& settings)
      : settings_(settings),
        model_(load(settings)),
        predictions_(model_, settings.delimiter),
        out_(settings.out) {
    model_.hybridize({.backend = settings.interpret ? Backend::graph : Backend::native,
                      .batch = Batch_::dynamic,
                      .threads = settings.threads});
  }

  int run() {
    CsvReader reader(settings_.rows, settings_.delimiter);
    reader.read([&](const CsvRow& row) { take(row); });
    flush();
    if (batch_ == std::nullopt && !settings_.no_header && !header_)
      throw UserError("the table is empty");
    out_.finish();
    report();
    return kDone;
  }

 private:
  using Batch_ = mlpjit::Batch;

  void take(const CsvRow& row) {
    if (!settings_.no_header && !header_) {
      header_ = row.fields;
      return;
    }
    if (!batch_) {
      batch_.emplace(model_, header_.value_or(std::vector<std::string>()), settings_.columns,
                     header_ ? header_->size() : row.fields.size());
    }
    try {
      batch_->add(row);
    } catch (const UserError& error) {
      const std::string why = fmt::format("{}:{}: {}", settings_.rows, row.line, error.what());
      if (!settings_.skip_bad) throw UserError(why + "; --skip-bad leaves such rows out");
      if (skipped_++ < 10) std::cerr << "mlpjit-run: left out: " << why << "\n";
      return;
    }
    if (batch_->rows() == settings_.batch) flush();
  }

  void flush() {
    if (!batch_ || batch_->rows() == 0) return;
    const std::int64_t count = batch_->rows();
    const Tensors inputs = batch_->take();
    const Tensors results = model_(inputs);
    if (done_ == 0) out_.write(predictions_.header(results));
    out_.write(predictions_.rows(results, count));
    done_ += count;
    if (isatty(STDERR_FILENO) != 0 && !settings_.quiet)
      std::cerr << fmt::format("\r{} rows", done_);
  }

  void report() const {
    if (settings_.quiet) return;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
    std::cerr << fmt::format("{}mlpjit-run: {} rows in {:.2f} s, {:.0f} rows per second{}\n",
                             isatty(STDERR_FILENO) != 0 ? "\r" : "", done_, took.count(),
                             static_cast<double>(done_) / took.count(),
                             skipped_ > 0 ? fmt::format(", {} left out", skipped_) : "");
  }

  const Settings& settings_;
  nn::SymbolBlock model_;
  const Predictions predictions_;
  Output out_;
  std::optional<std::vector<std::string>> header_;
  std::optional<run::Batch> batch_;
  std::int64_t done_ = 0, skipped_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

constexpr const char* kFooter = R"(
Columns are matched to the model's inputs by the names in the header (an input of several columns
has NAME_0, NAME_1, ...), else by their order.

Examples:
  mlpjit-run model.onnx rows.csv -o predictions.csv
  mlpjit-run my_mlp-symbol.json < rows.csv > predictions.csv
  mlpjit-run policy.onnx rows.csv --columns x,y,vx,vy

Exit codes: 0 done; 1 the model or a row cannot be read; 2 the command line is wrong; 3 this build
or machine cannot do it.)";

void declare(CLI::App& app, Settings& settings) {
  app.footer(kFooter);
  app.add_option("model", settings.model, "ONNX model, or symbol file of an exported model")
      ->required();
  app.add_option("rows", settings.rows, "Table in CSV; - for standard input")
      ->capture_default_str();
  app.add_option("-o,--out", settings.out, "Where predictions go; - for standard output")
      ->capture_default_str();
  app.add_option("--params", settings.params, "Parameter file of a symbol file");
  app.add_option("--columns", settings.columns,
                 "Columns by name or number, in the order of the inputs")
      ->delimiter(',');
  app.add_flag("--no-header", settings.no_header, "The first line is a row");
  app.add_option("--delimiter", settings.delimiter, "Between fields")->capture_default_str();
  app.add_flag("--skip-bad", settings.skip_bad, "Leave out rows that cannot be read, and say so");
  app.add_option("--batch", settings.batch, "Rows of one call")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  app.add_option("--threads", settings.threads, "Threads of one call")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--interpret", settings.interpret, "Without compiling: the same bits");
  app.add_flag("--quiet", settings.quiet, "Say nothing about progress and speed");
}

int main_with_errors(int argc, char** argv) {
  CLI::App app("Predictions of a trained model for the rows of a table.", "mlpjit-run");
  Settings settings;
  declare(app, settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kBadCommand;
  }
  try {
    return Run(settings).run();
  } catch (const UnsupportedError& error) {
    std::cerr << "mlpjit-run: " << error.what() << "\n";
    return kUnsupported;
  } catch (const std::bad_alloc&) {
    std::cerr << "mlpjit-run: no memory\n";
    return kFailed;
  } catch (const std::exception& error) {
    std::cerr << "mlpjit-run: " << error.what() << "\n";
    return kFailed;
  }
}

}  // namespace
}  // namespace mlpjit::run

int main(int argc, char** argv) {
  return mlpjit::run::main_with_errors(argc, argv);
}
