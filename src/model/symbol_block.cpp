#include "mlpjit/nn/symbol_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lib/ir/opcodes.h"
#include "lib/support/file.h"
#include "lib/support/unanswered.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "src/block/block_state.h"
#include "src/block/clone_map.h"
#include "src/model/checks.h"
#include "src/model/parameter_file.h"
#include "src/model/symbol_program.h"
#include "src/model/variants.h"
#include "src/program/graph_data.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {
namespace {

// Weights of dense layers are what files with [in, out] weights hold transposed.
std::vector<bool> find_weights(const ir::Function& main) {
  std::vector<bool> weights(main.value_count());
  for (std::size_t i = 0; i < main.op_count(); ++i) {
    const ir::Op& op = main.op(ir::OpId(i));
    if (op.opcode == ir::Opcode::dense) weights[op.operands[1].index] = true;
  }
  return weights;
}

std::string text_of(const std::string& path) {
  const support::InputFile file(path);
  if (file.size() > kMaxJsonBytes) {
    throw FormatError(
        fmt::format("{}: expected at most {} bytes, found {}", path, kMaxJsonBytes, file.size()));
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

Tensor capture_from(const StoredTensors& tensors, const std::string& name, const ir::Type& type) {
  if (!tensors.contains(name))
    throw FormatError(fmt::format(
        "{}: expected a tensor '{}', a capture of the program, found none", tensors.path(), name));
  Tensor tensor = tensors.read(name);
  const ir::Type found{tensor.dtype(), tensor.shape(), false};
  if (!(found == type)) {
    throw FormatError(fmt::format("{}: expected {} as tensor '{}', found {}", tensors.path(),
                                  ir::to_string(type), name, ir::to_string(found)));
  }
  return tensor;
}

// A parameter of the program, declared where collect_params() finds it. Paths are distinct: the
// reader checks them.
nn::Parameter declare(BlockState& state, const SymbolFile& symbol, std::size_t index,
                      bool is_weight) {
  const ir::Function& main = symbol.graph->main();
  const std::string& path = main.inputs()[index].name;
  const ir::ValueId value = main.body().arguments[index];
  const ir::Type& type = main.value(value).type;
  auto made = std::make_shared<ParameterState>();
  made->path = path;
  const std::span<const std::int64_t> sizes = type.shape.sizes();
  made->sizes.assign(sizes.begin(), sizes.end());
  made->options = {.dtype = type.dtype, .initializer = {}, .transposable = is_weight};
  state.members.push_back({path, nullptr, made});
  if (const auto found = symbol.aliases.find(path); found != symbol.aliases.end()) {
    for (const std::string& alias : found->second) state.members.push_back({alias, nullptr, made});
  }
  return ParameterAccess::make(std::move(made));
}

}  // namespace

nn::SymbolBlock make_symbol_block(SymbolFile symbol, const std::string& file,
                                  const StoredTensors& tensors, const nn::LoadOptions& options,
                                  std::set<std::string> others) {
  auto program = std::make_shared<SymbolProgram>();
  program->symbol = std::move(symbol);
  const ir::Function& main = program->symbol.graph->main();
  program->parameters.resize(main.inputs().size());
  program->captures.resize(main.inputs().size());
  nn::SymbolBlock block = SymbolAccess::make(program);
  BlockState& state = BlockAccess::state(block);
  state.arguments = file;
  const std::vector<bool> weights = find_weights(main);
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    const ir::Input& input = main.inputs()[i];
    if (input.kind == ir::InputKind::parameter)
      program->parameters[i] =
          declare(state, program->symbol, i, weights[main.body().arguments[i].index]);
    if (input.kind != ir::InputKind::capture) continue;
    const ir::Type& type = main.value(main.body().arguments[i]).type;
    program->captures[i] = capture_from(tensors, input.name, type);
    others.insert(input.name);
  }
  state.touch();
  load_parameters(block.collect_params(), tensors, options, others);
  return block;
}

nn::SymbolBlock import_model(const JsonText& symbol, const StoredTensors& tensors,
                             const nn::LoadOptions& options) {
  StoredConstants constants(tensors);
  SymbolFile read = read_symbol(symbol, constants);
  nn::SymbolBlock block =
      make_symbol_block(std::move(read), symbol.file(), tensors, options, constants.taken());
  const nn::ParameterDict parameters = block.collect_params();
  const bool complete = std::all_of(parameters.begin(), parameters.end(),
                                    [](const auto& each) { return each.second.is_initialized(); });
  if (options.verify && !options.cast && complete)
    verify_checks(SymbolAccess::program(block).portable(), symbol.file());
  return block;
}

void SymbolProgram::check_one() const {
  if (variants) variants->refuse("a graph or an export");
}

Graph SymbolProgram::bound() const {
  check_one();
  Closure closure;
  closure.graph = symbol.graph;
  const ir::Function& main = symbol.graph->main();
  std::size_t argument = 0;
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    Binding binding;
    binding.kind = main.inputs()[i].kind;
    if (binding.kind == ir::InputKind::argument) binding.argument = argument++;
    if (binding.kind == ir::InputKind::parameter) binding.tensor = parameters[i].data();
    if (binding.kind == ir::InputKind::capture) binding.tensor = captures[i];
    closure.inputs.push_back(std::move(binding));
  }
  closure.results = sources_of(main);
  return GraphAccess::make(std::move(closure));
}

Tensors SymbolProgram::run(const Tensors& arguments) {
  if (variants) return variants->run(arguments);
  std::optional<Executable> executable;
  {
    const std::lock_guard lock(mutex_);
    if (!executable_) {
      const TracePause pause;
      const std::uint64_t before =
          support::size_texts();  // what is said of sizes is not the user's
      const PassOptions none{false, false, false, false, false, false};
      executable_ = compile(bound(), {.backend = Backend::graph, .passes = none});
      support::size_texts() = before;
    }
    executable = executable_;
  }
  return (*executable)(arguments);
}

PortableModel SymbolProgram::portable() const {
  check_one();
  PortableModel model;
  model.symbol = symbol;
  const ir::Function& main = symbol.graph->main();
  for (const ir::InputKind kind : {ir::InputKind::parameter, ir::InputKind::capture}) {
    for (std::size_t i = 0; i < main.inputs().size(); ++i) {
      if (main.inputs()[i].kind != kind) continue;
      model.tensors[main.inputs()[i].name] =
          kind == ir::InputKind::parameter ? parameters[i].data() : captures[i];
    }
  }
  return model;
}

std::shared_ptr<SymbolProgram> SymbolProgram::clone() const {
  auto copy = std::make_shared<SymbolProgram>();
  copy->symbol = symbol;
  copy->parameters = parameters;  // each a clone, here
  if (variants) copy->variants = variants->clone();
  for (const Tensor& capture : captures)
    copy->captures.push_back(capture.defined() ? capture.copy() : Tensor());
  return copy;
}

}  // namespace mlpjit::detail

namespace mlpjit::nn {

SymbolBlock SymbolBlock::imports(const std::string& symbol_file, const std::string& parameter_file,
                                 const LoadOptions& options) {
  if (is_tracing()) {
    throw TraceError(
        "SymbolBlock::imports while tracing would happen once, not at every call: do "
        "it outside");
  }
  const detail::StoredTensors tensors(detail::SafetensorsFile(parameter_file), options.cast);
  return detail::import_model({symbol_file, detail::text_of(symbol_file)}, tensors, options);
}

SymbolBlock::SymbolBlock(std::shared_ptr<detail::SymbolProgram> program)
    : HybridBlock("SymbolBlock", ""), program_(std::move(program)) {}

SymbolBlock::SymbolBlock(const SymbolBlock& other)
    : HybridBlock(other),
      program_(detail::shared_or_cloned(
          other.program_, [](const detail::SymbolProgram& program) { return program.clone(); })) {}

Tensors SymbolBlock::hybrid_forward_n(const Ops&, const Tensors& inputs) {
  return program().run(inputs);
}

std::uint64_t SymbolBlock::variant(std::span<const Tensor> inputs) const {
  const detail::SymbolProgram& known = program();
  return known.variants ? known.variants->of(inputs) : 0;
}

detail::SymbolProgram& SymbolBlock::program() const {
  if (!program_) throw UserError("this block was moved from and stands for none");
  return *program_;
}

std::vector<std::string> SymbolBlock::input_names() const {
  std::vector<std::string> names;
  for (const ir::Input& input : program().symbol.graph->main().inputs()) {
    if (input.kind == ir::InputKind::argument) names.push_back(input.name);
  }
  return names;
}

std::vector<TensorSpec> SymbolBlock::input_specs() const {
  const ir::Function& main = program().symbol.graph->main();
  std::vector<TensorSpec> specs;
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    if (main.inputs()[i].kind != ir::InputKind::argument) continue;
    const ir::Type& type = main.value(main.body().arguments[i]).type;
    specs.push_back({type.dtype, type.shape});
  }
  return specs;
}
std::vector<TensorSpec> SymbolBlock::output_specs() const {
  const ir::Function& main = program().symbol.graph->main();
  std::vector<TensorSpec> specs;
  for (const ir::Type& type : main.types(main.body().results))
    specs.push_back({type.dtype, type.shape});
  return specs;
}

const std::vector<std::string>& SymbolBlock::output_names() const& {
  return program().symbol.head_names;
}
const std::vector<std::string>& SymbolBlock::classes() const& {
  return program().symbol.classes;
}
const std::vector<std::string>& SymbolBlock::strings() const& {
  return program().symbol.strings;
}
bool SymbolBlock::is_coded(const std::string& name) const {
  const std::vector<std::string>& coded = program().symbol.coded;
  return std::find(coded.begin(), coded.end(), name) != coded.end();
}
std::int64_t SymbolBlock::code(const std::string& text) const {
  const std::vector<std::string>& strings = program().symbol.strings;
  const auto found = std::find(strings.begin(), strings.end(), text);
  return found == strings.end() ? -1 : found - strings.begin();
}
const std::map<std::string, std::string>& SymbolBlock::metadata() const& {
  return program().symbol.metadata;
}
bool SymbolBlock::training() const {
  return program().symbol.training;
}

}  // namespace mlpjit::nn
