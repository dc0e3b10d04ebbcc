#include "src/model/function_model.h"

#include "lib/support/float_env.h"
#include "src/core/path.h"
#include "src/model/export_model.h"
#include "src/model/symbol_program.h"
#include "src/program/trace_function.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

nn::SymbolBlock make_symbol_block(const FunctionModel& model) {
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
  const StoredTensors tensors(std::move(portable.tensors), model.file);
  return make_symbol_block(std::move(portable.symbol), model.file, tensors, {});
}

Tensors computed_now(const std::function<Tensors()>& function) {
  const TracePause pause;
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
