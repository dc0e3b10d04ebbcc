// mlpjit-ulp: prints the largest error of each element-wise function as a Markdown table, or with
// --time how long a vector of it takes.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "tools/ulp/functions.h"
#include "tools/ulp/kernels.h"
#include "tools/ulp/sweep.h"
#include "tools/ulp/timing.h"

#include "lib/ir/opcodes.h"

namespace mlpjit::ulp {
namespace {

struct Options {
  std::uint64_t stride = 1;
  std::uint64_t samples = 1000000;
  std::vector<std::string> names;
  std::string dtype = "both";
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  bool check = false;
  bool time = false;
  std::string isa = "both";
};

std::string argument(const Function& function, const Worst& worst) {
  if (function.opcode != ir::Opcode::pow) return fmt::format("{:a} ({:.9g})", worst.x, worst.x);
  return fmt::format("{:a}, {:a} ({:.9g}, {:.9g})", worst.x, worst.y, worst.x, worst.y);
}

// One row; false when the error is above the bound.
bool report(const Function& function, std::string_view dtype, const Worst& worst, double bound) {
  fmt::print("| {} | {} | {:.3f} | {} | {} | {} |\n", function.name, dtype, worst.ulp, bound,
             argument(function, worst), worst.count);
  std::fflush(stdout);
  if (worst.ulp <= bound) return true;
  fmt::print(stderr, "{} {}: {:.3f} ULP, at most {} allowed\n", function.name, dtype, worst.ulp,
             bound);
  return false;
}

int run(const Options& options) {
  fmt::print("Instruction set {}; f32: every {}; f64: samples.\n\n", instruction_set(),
             options.stride == 1 ? "value" : fmt::format("{}th value", options.stride));
  fmt::print(
      "| function | dtype | max ULP | bound | at | arguments |\n|---|---|---|---|---|---|\n");
  bool good = true;
  for (const Function& function : kFunctions) {
    const auto& names = options.names;
    if (!names.empty() && std::find(names.begin(), names.end(), function.name) == names.end()) {
      continue;
    }
    if (options.dtype != "f64") {
      const Worst worst = sweep_f32(function, options.stride, options.threads);
      good &= report(function, "f32", worst, function.bound_f32);
    }
    if (options.dtype != "f32") {
      const Worst worst = sample_f64(function, options.samples, options.threads);
      good &= report(function, "f64", worst, function.bound_f64);
    }
  }
  return good || !options.check ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run_timing(const Options& options) {
  TimingOptions timing;
  timing.names = options.names;
  if (options.dtype != "both") timing.dtypes = {options.dtype};
  if (options.isa != "both") timing.isas = {options.isa};
  print_timing(timing);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace mlpjit::ulp

int main(int argc, char** argv) {
  mlpjit::ulp::Options options;
  std::vector<std::string> known;
  for (const auto& function : mlpjit::ulp::kFunctions) known.emplace_back(function.name);

  CLI::App app{
      "Largest error of the element-wise functions, in units in the last place, or their time"};
  app.add_option("--stride", options.stride, "f32: take every n-th of all 2^32 values")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--samples", options.samples, "f64: samples of each distribution")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--function", options.names, "only these functions")->check(CLI::IsMember(known));
  app.add_option("--dtype", options.dtype, "which type")
      ->check(CLI::IsMember({"f32", "f64", "both"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "threads")->check(CLI::Range(1, 1024));
  app.add_flag("--check", options.check, "fail when an error is above its bound");
  app.add_flag("--time", options.time, "measure time instead of errors");
  app.add_option("--isa", options.isa, "with --time: which instruction set")
      ->check(CLI::IsMember({"avx2", "avx512", "both"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return options.time ? mlpjit::ulp::run_timing(options) : mlpjit::ulp::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "mlpjit-ulp: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
