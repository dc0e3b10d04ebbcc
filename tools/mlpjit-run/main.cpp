// mlpjit-run: predictions of a trained model for the rows of a table or of arrays.

#include <CLI/CLI.hpp>
#include <iostream>
#include <new>

#include "mlpjit/error.h"
#include "tools/mlpjit-run/run.h"

namespace mlpjit::run {
namespace {

enum ExitCode : int { kDone = 0, kFailed = 1, kBadCommand = 2, kUnsupported = 3 };

constexpr const char* kFooter = R"(
Columns of CSV are matched to the model's inputs by the names in the header (an input of several
columns has NAME_0, NAME_1, ...), else by their order. Arrays of an .npz are matched by their names;
a single array is that of a single input, or has the columns of all, in their order.

Examples:
  mlpjit-run model.onnx rows.csv -o predictions.csv
  mlpjit-run my_mlp-symbol.json < rows.csv > predictions.csv
  mlpjit-run policy.onnx rows.csv --columns x,y,vx,vy
  mlpjit-run model.onnx rows.npy -o predictions.npz

Exit codes: 0 done; 1 the model or a row cannot be read; 2 the command line is wrong; 3 this build
or machine cannot do it.)";

void declare(CLI::App& app, Settings& settings) {
  app.footer(kFooter);
  app.add_option("model", settings.model, "ONNX model, or one that save() or export_model() wrote")
      ->required();
  app.add_option("rows", settings.rows,
                 "Table in CSV, or arrays in .npy or .npz; - for standard input")
      ->capture_default_str();
  app.add_option("-o,--out", settings.out, "Where predictions go; - for standard output")
      ->capture_default_str();
  app.add_option("--format", settings.format,
                 "Of predictions: csv, npy or npz; by default what the name of their file ends in")
      ->check(CLI::IsMember({"csv", "npy", "npz"}));
  app.add_option("--params", settings.params, "Parameter file of a symbol file");
  app.add_option("--columns", settings.columns,
                 "Columns by name or number, in the order of the inputs")
      ->delimiter(',')
      ->allow_extra_args(false);
  CLI::Option* const header = app.add_flag_callback(
      "--header", [&settings] { settings.header = true; },
      "The first line of CSV has names: the default, where it is not numbers");
  app.add_flag_callback(
         "--no-header", [&settings] { settings.header = false; }, "The first line of CSV is a row")
      ->excludes(header);
  app.add_option("--delimiter", settings.delimiter, "Between fields of CSV")->capture_default_str();
  app.add_flag("--skip-bad", settings.skip_bad,
               "Leave out rows of CSV that cannot be read, and say so");
  app.add_option("--batch", settings.batch, "Rows of one call")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  app.add_option("--threads", settings.threads, "Threads of one call")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--interpret", settings.interpret, "Without compiling: the same bits");
  app.add_flag("--no-checks", settings.no_checks,
               "Take the model as it is, without running the checks that it came with");
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
    run(settings);
    return kDone;
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
