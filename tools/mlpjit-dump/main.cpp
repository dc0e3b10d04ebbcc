// mlpjit-dump: every stage of one compile, from the graph to the assembly.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "lib/ir/text.h"
#include "lib/passes/passes.h"
#include "mlpjit/error.h"
#include "src/graph/specialize.h"
#include "tools/layer_sizes.h"
#include "tools/mlpjit-dump/network.h"
#include "tools/mlpjit-dump/stages.h"

namespace mlpjit::dump {
namespace {

enum ExitCode : int { kDone = 0, kBadProgram = 1, kBadCommand = 2, kUnsupported = 3, kBug = 4 };

constexpr const char* kDescription =
    "Prints every stage of compiling a program: its graph (trace), the graph after each pass that "
    "changed it, the\n"
    "plan, the LLVM IR, the assembly and the report.";

constexpr const char* kFooter = R"(
Examples:
  mlpjit-dump 512-256-128-2                           every stage of the network, batch 1
  mlpjit-dump 512-256-128-2 --stage assembly --isa avx2
  mlpjit-dump program.mlp --stage 'after fuse' --dim B=4
  mlpjit-dump 32-64-1 --activation tanh --stage optimized --format dot | dot -Tsvg
  mlpjit-dump - --backend graph < program.mlp

Stages: all, trace, 'after PASS', optimized, plan, llvm, assembly, report.
Passes: {}.

Exit codes: 0 done; 1 the program cannot be read or compiled; 2 the command line is wrong; 3 this
build or machine cannot do it (no LLVM); 4 a bug in mlpjit.)";

struct Options {
  std::string program;
  NetworkSpec network;
  Request request;
  detail::SymbolSizes sizes;
  std::string backend = "native", isa, format = "text", dtype = "f32";
  std::vector<std::string> disabled, dims;
};

// Far beyond any program; what never ends (a device) must not take all memory.
constexpr std::size_t kLongestProgram = std::size_t{256} << 20;

std::string read_all(std::istream& in, const std::string& name) {
  std::string text;
  char part[1 << 16];
  while (in.read(part, sizeof part) || in.gcount() > 0) {
    text.append(part, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kLongestProgram)
      throw UserError(fmt::format("'{}' is longer than 256 MB: no program", name));
  }
  return text;
}

std::string read_all(const std::string& file) {
  if (file == "-") return read_all(std::cin, "standard input");
  std::error_code error;
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file, error)) {
    throw UserError(fmt::format(
        "'{}' cannot be opened; expected a file with a graph as text, - for standard input, "
        "or layer sizes such as 512-256-128-2",
        file));
  }
  return read_all(in, file);
}

// "B=4" -> B is 4.
detail::SymbolSizes parse_dims(const std::vector<std::string>& dims) {
  detail::SymbolSizes sizes;
  for (const std::string& dim : dims) {
    const std::size_t equals = dim.find('=');
    std::int64_t size = -1;
    if (equals != std::string::npos && equals != 0) {
      const char* const end = dim.data() + dim.size();
      const auto [stop, error] = std::from_chars(dim.data() + equals + 1, end, size);
      if (error != std::errc{} || stop != end) size = -1;
    }
    if (size < 0)
      throw UserError(fmt::format("--dim '{}': expected a symbol and its size, such as B=4", dim));
    sizes[dim.substr(0, equals)] = size;
  }
  return sizes;
}

// A size for a symbol that the program does not have is a slip of the pen.
void check_symbols(const ir::Graph& graph, const detail::SymbolSizes& sizes) {
  std::set<std::string> symbols;
  for (const auto& function : graph.functions()) {
    for (std::size_t i = 0; i < function->value_count(); ++i) {
      const Shape& shape = function->value(ir::ValueId(i)).type.shape;
      for (int axis = 0; axis < shape.rank(); ++axis) {
        if (!shape[axis].is_static()) symbols.insert(shape[axis].symbol());
      }
    }
  }
  for (const auto& [symbol, size] : sizes) {
    if (symbols.contains(symbol)) continue;
    throw UserError(
        fmt::format("--dim {}={}: the program has no such symbol; it has {}", symbol, size,
                    symbols.empty() ? "none" : fmt::format("{}", fmt::join(symbols, ", "))));
  }
}

ir::Graph read_program(const Options& options) {
  if (auto sizes = parse_sizes(options.program)) {
    NetworkSpec network = options.network;
    network.sizes = std::move(*sizes);
    return make_network(network);
  }
  try {
    const ir::Graph graph = ir::parse(read_all(options.program));
    check_symbols(graph, options.sizes);
    return detail::substitute(graph, options.sizes);
  } catch (const FormatError& error) {
    throw FormatError(fmt::format(
        "{}:{}", options.program == "-" ? "standard input" : options.program, error.what()));
  }
}

void disable(PassOptions& options, const std::vector<std::string>& names) {
  for (const passes::PassInfo& pass : passes::all_passes()) {
    if (std::find(names.begin(), names.end(), pass.name) != names.end())
      options.*pass.enabled = false;
  }
}

void declare(CLI::App& app, Options& options) {
  app.footer(fmt::format(kFooter, fmt::join(pass_names(), ", ")));
  app.add_option(
         "program", options.program,
         "Layer sizes (512-256-128-2), a file with a graph as text, or - for standard input")
      ->required();
  app.add_option("--stage", options.request.stage, "Show this stage alone")->capture_default_str();
  app.add_option("--backend", options.backend, "native or graph")
      ->check(CLI::IsMember({"native", "graph"}))
      ->capture_default_str();
  app.add_option("--isa", options.isa,
                 "baseline, avx2 or avx512; need not be this machine's (default: the widest of "
                 "this machine, capped by "
                 "MLPJIT_MAX_ISA)")
      ->check(CLI::IsMember({"baseline", "avx2", "avx512"}));
  app.add_option("--format", options.format, "text, or dot for the stages that are graphs")
      ->check(CLI::IsMember({"text", "dot"}))
      ->capture_default_str();
  app.add_option("--disable-pass", options.disabled,
                 "Switch a pass off; may be given several times")
      ->check(CLI::IsMember(pass_names()));
  app.add_option(
      "--dim", options.dims,
      "Size of a symbolic dimension of the program, such as B=4; may be given several times");
  const auto sizes = app.add_option_group("Networks given by sizes");
  sizes->add_option("--activation", options.network.activation, "Of every layer but the last")
      ->check(CLI::IsMember(activation_names()))
      ->capture_default_str();
  sizes->add_option("--batch", options.network.batch, "Rows of the input")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 24))
      ->capture_default_str();
  sizes->add_option("--dtype", options.dtype, "f32 or f64")
      ->check(CLI::IsMember({"f32", "f64"}))
      ->capture_default_str();
}

void settle(Options& options) {
  jit::Settings& settings = options.request.settings;
  settings.backend = options.backend == "graph" ? Backend::graph : Backend::native;
  settings.isa =
      options.isa.empty() ? support::default_isa() : support::isa_from_name(options.isa).value();
  disable(settings.passes, options.disabled);
  options.request.format = options.format == "dot" ? Format::dot : Format::text;
  options.network.dtype = options.dtype == "f64" ? DType::f64 : DType::f32;
  options.sizes = parse_dims(options.dims);
  check(options.request);
}

int run(int argc, char** argv) {
  CLI::App app(kDescription, "mlpjit-dump");
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
    settle(options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kBadCommand;
  } catch (const UserError& error) {
    std::cerr << "mlpjit-dump: " << error.what() << "\n";
    return kBadCommand;
  }
  if (!show(read_program(options), options.request, std::cout)) {
    std::cerr << "mlpjit-dump: stage '" << options.request.stage << "': the pass changed nothing\n";
  }
  tools::finish_output();
  return kDone;
}

int main_with_errors(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const UnsupportedError& error) {
    std::cout.flush();
    std::cerr << "mlpjit-dump: " << error.what() << "\n";
    return kUnsupported;
  } catch (const UserError& error) {
    std::cerr << "mlpjit-dump: " << error.what() << "\n";
    return kBadProgram;
  } catch (const std::exception& error) {
    std::cerr << "mlpjit-dump: a bug in mlpjit: " << error.what() << "\n";
    return kBug;
  }
}

}  // namespace
}  // namespace mlpjit::dump

int main(int argc, char** argv) {
  return mlpjit::dump::main_with_errors(argc, argv);
}
