#include "tools/mlpjit-run/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "tools/mlpjit-run/array_source.h"
#include "tools/mlpjit-run/csv_source.h"
#include "tools/mlpjit-run/prediction_sink.h"

namespace mlpjit::run {
namespace {

// By its first character that is no space: the other models are binary.
bool is_symbol_file(const std::string& path) {
  std::ifstream file(path);
  char first = 0;
  return static_cast<bool>(file >> first) && (first == '{' || first == '\xEF');
}

nn::SymbolBlock load(const Settings& settings) {
  constexpr std::string_view kEnding = "-symbol.json";
  const nn::LoadOptions options{.verify = !settings.no_checks};
  if (!is_symbol_file(settings.model)) {
    if (!settings.params.empty())
      throw UserError(settings.model + ": --params is of a symbol file; this model has its own");
    return nn::SymbolBlock::imports(settings.model, options);
  }
  std::string params = settings.params;
  if (params.empty() && settings.model.ends_with(kEnding))
    params = settings.model.substr(0, settings.model.size() - kEnding.size()) + "-0000.params";
  return nn::SymbolBlock::imports(settings.model, params, options);
}

// What the first bytes are of, or else CSV.
std::unique_ptr<RowSource> open_rows(const nn::SymbolBlock& model, const Settings& settings) {
  auto bytes = std::make_unique<FileSource>(settings.rows);
  const std::string start(bytes->peek(kNpyMagic.size()));
  if (start == kNpyMagic)
    return std::make_unique<ArraySource>(model, std::move(bytes), settings.columns);
  if (start.starts_with(kNpzMagic) || start.starts_with(kEmptyNpzMagic)) {
    std::error_code ignored;
    const bool seeks = std::filesystem::is_regular_file(settings.rows, ignored);
    return std::make_unique<ArraySource>(
        model, seeks ? NpzReader(settings.rows) : NpzReader(spooled(*bytes), bytes->name()),
        settings.columns);
  }
  return std::make_unique<CsvSource>(
      model, std::move(bytes),
      CsvOptions{settings.delimiter, settings.header, settings.skip_bad, settings.columns});
}

Format format_of(const Settings& settings) {
  const auto is = [&](const std::string& format) {
    return settings.format.empty() ? settings.out.ends_with("." + format)
                                   : settings.format == format;
  };
  return is("npy") ? Format::npy : is("npz") ? Format::npz : Format::csv;
}

// What standard error says of a run.
class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet) {}
  void add(std::int64_t rows, std::optional<double> fraction) {
    done_ += rows;
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || quiet_ || now - shown_ < std::chrono::milliseconds(50)) return;
    shown_ = now;
    std::cerr << fmt::format("\r{}{} rows", fraction ? bar(*fraction) : "", done_) << kClear;
  }
  void finish(std::int64_t left_out) const {
    if (quiet_) return;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
    std::cerr << fmt::format("{}mlpjit-run: {} rows in {:.2f} s, {:.0f} rows per second{}\n",
                             terminal_ ? "\r" + std::string(kClear) : "", done_, took.count(),
                             static_cast<double>(done_) / took.count(),
                             left_out > 0 ? fmt::format(", {} left out", left_out) : "");
  }

 private:
  static constexpr const char* kClear = "\x1b[K";  // to the end of the line
  // "[########            ]  40 %  ".
  static std::string bar(double fraction) {
    constexpr int kWidth = 40;
    const int full = static_cast<int>(fraction * kWidth);
    return fmt::format("[{:#<{}}{: <{}}] {:3.0f} %  ", "", full, "", kWidth - full, fraction * 100);
  }

  const bool quiet_, terminal_ = isatty(STDERR_FILENO) != 0;
  std::int64_t done_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace

void run(const Settings& settings) {
  nn::SymbolBlock model = load(settings);
  model.hybridize({.backend = settings.interpret ? Backend::graph : Backend::native,
                   .batch = Batch::dynamic,
                   .threads = settings.threads});
  Progress progress(settings.quiet);
  const std::unique_ptr<RowSource> source = open_rows(model, settings);
  const std::unique_ptr<PredictionSink> sink =
      open_sink(model, format_of(settings), settings.out, settings.delimiter);
  Tensors inputs;
  std::int64_t rows = settings.batch;
  for (bool first = true; rows == settings.batch; first = false) {
    rows = source->next(settings.batch, inputs);
    if (rows == 0 && !first) break;
    sink->write(model(inputs), rows);
    progress.add(rows, source->fraction());
  }
  sink->finish();
  progress.finish(source->left_out());
}

}  // namespace mlpjit::run
