#include "tools/mlpjit-dump/program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "lib/ir/text.h"
#include "mlpjit/error.h"
#include "src/model/symbol_program.h"
#include "src/program/graph_data.h"

namespace mlpjit::dump {
namespace {

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
        "'{}' cannot be opened; expected a file with a graph as text, a symbol file of an "
        "exported model, an ONNX model, - for standard input, or layer sizes such as 512-256-128-2",
        file));
  }
  return read_all(in, file);
}

// A size for a symbol that the program does not have is a slip of the pen.
void check_symbols(const ir::Graph& graph, const ir::Sizes& sizes) {
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
        fmt::format("--dim {}={}: the program has no such symbol; it has {}", symbol, size.value(),
                    symbols.empty() ? "none" : fmt::format("{}", fmt::join(symbols, ", "))));
  }
}

// What a C++ network of these layers is traced to.
ir::Graph make_graph(const ProgramOptions& options) {
  const tools::NetworkSpec spec = options.network.spec(options.program);
  const nn::HybridSequential net = tools::make_network(spec, nn::Zeros());
  const Graph graph =
      net.graph({{spec.dtype, Shape({options.batch, spec.sizes.front()})}}, {.input_names = {"x"}});
  return detail::GraphAccess::data(graph).graph->clone();
}

// A text of the IR begins with a comment or a function, a symbol file with an object.
bool is_symbol_file(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && text[first] == '{';
}

// Neither text nor JSON: an ONNX model, or a file that says what it is instead.
bool is_binary(const std::string& text) {
  return text.find('\0') != std::string::npos || text.starts_with('\x08');
}

ir::Graph read_onnx(const ProgramOptions& options) {
  const nn::SymbolBlock block = nn::SymbolBlock::imports(options.program, {.verify = false});
  const detail::SymbolProgram& program = detail::SymbolAccess::program(block);
  program.check_one();
  return program.symbol.graph->clone();
}

// The parameters' values make no difference; only large constants stand in that file.
std::string beside(const std::string& symbol_file) {
  constexpr std::string_view kEnding = "-symbol.json";
  if (!symbol_file.ends_with(kEnding)) return "";
  const std::string params =
      symbol_file.substr(0, symbol_file.size() - kEnding.size()) + "-0000.params";
  std::error_code error;
  return std::filesystem::exists(params, error) ? params : "";
}

ir::Graph read_symbol_file(const ProgramOptions& options, const std::string& name,
                           const std::string& text) {
  const std::string params = options.params.empty() ? beside(options.program) : options.params;
  const detail::StoredTensors tensors =
      params.empty() ? detail::StoredTensors(TensorMap(), "(no parameter file: --params FILE)")
                     : detail::StoredTensors(detail::SafetensorsFile(params), false);
  detail::StoredConstants constants(tensors);
  return detail::read_symbol({name, text}, constants).graph->clone();
}

}  // namespace

bool is_network(const std::string& program) {
  return !program.empty() && program != "-" &&
         program.find_first_not_of("0123456789-") == std::string::npos;
}

ir::Graph read_program(const ProgramOptions& options) {
  if (is_network(options.program)) return make_graph(options);
  const std::string text = read_all(options.program);
  const std::string name = options.program == "-" ? "standard input" : options.program;
  ir::Graph graph;
  if (options.program != "-" && is_binary(text)) {
    if (!options.params.empty()) throw UserError("--params: an ONNX model has its own");
    graph = read_onnx(options);
  } else if (is_symbol_file(text)) {
    graph = read_symbol_file(options, name, text);
  } else {
    if (!options.params.empty()) {
      throw UserError(fmt::format(
          "--params: {} is a graph as text; parameters are for symbol files of exported models",
          name));
    }
    try {
      graph = ir::parse(text);
    } catch (const FormatError& error) {
      throw FormatError(fmt::format("{}:{}", name, error.what()));
    }
  }
  check_symbols(graph, options.sizes);
  return ir::substitute(graph, options.sizes);
}

}  // namespace mlpjit::dump
