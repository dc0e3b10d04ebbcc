#include "src/model/function_model.h"

#include "lib/support/float_env.h"
#include "lib/support/memory.h"
#include "src/block/block_state.h"
#include "src/core/path.h"
#include "src/model/export_model.h"
#include "src/model/symbol_program.h"
#include "src/model/variants.h"
#include "src/program/trace_function.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

namespace {

PortableModel traced(const FunctionModel& model) {
  const support::FloatEnvScope environment;
  std::vector<ArgumentSpec> arguments;
  nn::ExportOptions options;
  for (const auto& [name, dtype, shape] : model.inputs) {
    ArgumentSpec& argument = arguments.emplace_back();
    argument.dtype = dtype;
    argument.shape = shape;
    argument.name = name;
    options.input_names.push_back(name);
  }
  options.output_names = model.output_names;
  options.classes = model.classes;
  options.metadata = model.metadata;
  const Trace trace = trace_function(model.body, arguments, model.parameter);
  std::vector<ParameterName> parameters;
  for (const ir::Input& input : trace.graph->main().inputs()) {
    if (input.kind == ir::InputKind::parameter) parameters.push_back({input.name, {}});
  }
  PortableModel portable = portable_model(trace, parameters, options);
  portable.symbol.strings = model.strings;
  portable.symbol.coded = model.coded;
  return portable;
}

nn::SymbolBlock block_of(PortableModel portable, const std::string& file) {
  const StoredTensors tensors(std::move(portable.tensors), file);
  return make_symbol_block(std::move(portable.symbol), file, tensors, {});
}

}  // namespace

nn::SymbolBlock make_symbol_block(const FunctionModel& model) {
  return block_of(traced(model), model.file);
}

nn::SymbolBlock make_symbol_block(const FunctionModel& outline,
                                  const std::vector<std::string>& sizes,
                                  std::function<FunctionModel(const Known&)> make) {
  PortableModel portable;
  auto graph = std::make_shared<ir::Graph>();
  ir::Function& main = graph->add_function("main");
  for (const auto& [name, dtype, shape] : outline.inputs)
    main.add_input({ir::InputKind::argument, name}, {dtype, shape, false}, name);
  portable.symbol.graph = graph;
  portable.symbol.head_names = outline.output_names;
  portable.symbol.classes = outline.classes;
  portable.symbol.metadata = outline.metadata;
  portable.symbol.strings = outline.strings;
  portable.symbol.coded = outline.coded;
  auto program = std::make_shared<SymbolProgram>();
  program->symbol = std::move(portable.symbol);
  program->parameters.resize(outline.inputs.size());
  program->captures.resize(outline.inputs.size());
  Variants::Outline of_variants{outline.file, {}, {sizes.begin(), sizes.end()}};
  for (const FunctionModel::Input& input : outline.inputs)
    of_variants.shapes.push_back({input.name, input.shape});
  program->variants = std::make_shared<Variants>(
      std::move(of_variants), [make = std::move(make)](const Known& known) {
        const FunctionModel model = make(known);
        const nn::SymbolBlock block = make_symbol_block(model);
        return SymbolAccess::share(block);
      });
  nn::SymbolBlock block = SymbolAccess::make(program);
  BlockAccess::state(block).arguments = outline.file;
  return block;
}

Tensors computed_now(const std::function<Tensors()>& function, std::size_t* left) {
  const TracePause pause;
  std::optional<support::AllocationBudget> budget;
  if (left != nullptr) budget.emplace(*left);
  return function();
}

const void* identity_of(const Tensor& tensor) {
  return TensorAccess::impl(tensor).get();
}

void in_named_layer(std::string_view name, const std::function<void()>& function) {
  const PathScope scope(name);
  function();
}

}  // namespace mlpjit::detail
