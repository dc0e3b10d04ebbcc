// mlpjit-dump: every stage of one compile, from the graph to the assembly.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <new>

#include "lib/passes/passes.h"
#include "mlpjit/error.h"
#include "tools/mlpjit-dump/program.h"
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
  mlpjit-dump my_mlp-symbol.json --stage plan         what net.export_model("my_mlp") wrote
  mlpjit-dump model.onnx --stage optimized            a model of another trainer
  mlpjit-dump 32-64-1 --activation tanh --stage optimized --format dot | dot -Tsvg
  mlpjit-dump - --backend graph < program.mlp

Stages: all, trace, 'after PASS', optimized, plan, llvm, assembly, report.
Passes: {}.

Exit codes: 0 done; 1 the program cannot be read or compiled; 2 the command line is wrong; 3 this
build or machine cannot do it (no LLVM); 4 a bug in mlpjit.)";

struct Options {
  ProgramOptions program;
  Request request;
  std::string backend = "native", isa, format = "text";
  std::vector<std::string> disabled, dims;
  // Those of a network given by sizes, besides `program.network`.
  const CLI::Option* batch = nullptr;
};

// "B=4" -> B is 4.
ir::Sizes parse_dims(const std::vector<std::string>& dims) {
  ir::Sizes sizes;
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

void disable(PassOptions& options, const std::vector<std::string>& names) {
  for (const passes::PassInfo& pass : passes::all_passes()) {
    if (std::find(names.begin(), names.end(), pass.name) != names.end())
      options.*pass.enabled = false;
  }
}

void declare(CLI::App& app, Options& options) {
  app.footer(fmt::format(kFooter, fmt::join(pass_names(), ", ")));
  app.add_option("program,--layers", options.program.program,
                 "Layer sizes (512-256-128-2); a file with a graph as text, a model that save() or "
                 "export_model() wrote, or an ONNX model; or - for standard input");
  app.final_callback([&options] {
    if (options.program.program.empty()) throw CLI::RequiredError("program");
  });
  app.add_option("--params", options.program.params,
                 "Parameter file of a symbol file (default: the one beside NAME-symbol.json, if it "
                 "is there)");
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
  CLI::App* sizes = app.add_option_group("Networks given by sizes");
  options.program.network.declare(*sizes);
  options.batch = sizes->add_option("--batch", options.program.batch, "Rows of the input")
                      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 24))
                      ->capture_default_str();
}

// An option that would do nothing is a slip of the pen.
void check_applied(const Options& options) {
  const std::string& program = options.program.program;
  if (is_network(program)) {
    options.program.network.spec(program);  // throws on sizes that are none
    if (!options.dims.empty())
      throw UserError("--dim: a network given by sizes has no symbols; its rows are --batch");
    if (!options.program.params.empty())
      throw UserError("--params: a network given by sizes has no file of parameters");
  } else if (options.program.network.given() || options.batch->count() > 0) {
    throw UserError(
        fmt::format("--activation, --dtype and --batch are of networks given by sizes; '{}' is a "
                    "program of its "
                    "own (sizes of symbols are --dim)",
                    program));
  }
}

void settle(Options& options) {
  runtime::Settings& settings = options.request.settings;
  settings.backend = options.backend == "graph" ? Backend::graph : Backend::native;
  settings.isa =
      options.isa.empty() ? support::default_isa() : support::isa_from_name(options.isa).value();
  disable(settings.passes, options.disabled);
  options.request.format = options.format == "dot" ? Format::dot : Format::text;
  options.program.sizes = parse_dims(options.dims);
  check(options.request);
  check_applied(options);
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
  if (!show(read_program(options.program), options.request, std::cout)) {
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
  } catch (const std::bad_alloc&) {
    std::cerr << "mlpjit-dump: no memory for a program of these sizes\n";
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
