#include "mlpjit/graph.h"

#include <ostream>

#include "lib/ir/text.h"
#include "lib/passes/passes.h"
#include "lib/support/float_env.h"
#include "lib/support/isa.h"
#include "src/ops/dispatch.h"
#include "src/program/audit.h"
#include "src/program/graph_data.h"
#include "src/program/trace_function.h"

namespace mlpjit {

namespace detail {

std::vector<ResultSource> sources_of(const ir::Function& main) {
  std::vector<ir::ValueId> last = main.body().arguments;
  for (const ir::Update& update : main.updates()) last[update.input] = update.value;
  std::vector<ResultSource> sources;
  const std::vector<ir::ValueId>& results = main.body().results;
  for (std::size_t i = 0; i < results.size(); ++i) {
    ResultSource source;
    for (std::size_t j = 0; j < i; ++j) {
      if (results[j] != results[i] || source.kind != ResultSource::Kind::computed) continue;
      source = {ResultSource::Kind::duplicate, j, WeakKind::none};
    }
    for (std::size_t input = 0; input < last.size(); ++input) {
      const ir::InputKind kind = main.inputs()[input].kind;
      if (kind == ir::InputKind::state || kind == ir::InputKind::token) continue;
      if (last[input] == results[i]) source = {ResultSource::Kind::input, input, WeakKind::none};
    }
    sources.push_back(source);
  }
  return sources;
}

Graph unbound_graph(std::shared_ptr<const ir::Graph> graph) {
  Closure closure;
  const ir::Function& main = graph->main();
  std::size_t next = 0;
  closure.inputs.resize(main.inputs().size());
  for (const bool arguments : {true, false}) {  // arguments come first in calls
    for (std::size_t i = 0; i < main.inputs().size(); ++i) {
      const ir::InputKind kind = main.inputs()[i].kind;
      closure.inputs[i].kind = kind;
      if (kind == ir::InputKind::state || kind == ir::InputKind::token) continue;
      if ((kind == ir::InputKind::argument) == arguments) closure.inputs[i].argument = next++;
    }
  }
  closure.results = sources_of(main);
  closure.graph = std::move(graph);
  return GraphAccess::make(std::move(closure));
}

std::vector<std::size_t> call_inputs(const Closure& closure) {
  std::vector<std::size_t> inputs;
  for (std::size_t i = 0; i < closure.inputs.size(); ++i) {
    const Binding& binding = closure.inputs[i];
    if (!binding.is_call_argument()) continue;
    if (inputs.size() <= binding.argument) inputs.resize(binding.argument + 1, SIZE_MAX);
    inputs[binding.argument] = i;
  }
  return inputs;
}

Tensors definite(Tensors results) {
  for (Tensor& result : results) {
    if (result.defined() && result.is_weak()) result = adapt(result, result.dtype(), "return");
  }
  return results;
}

Graph trace_graph(const std::function<Tensors(const Tensors&)>& function,
                  const std::vector<TensorSpec>& specs) {
  std::vector<ArgumentSpec> arguments;
  for (const TensorSpec& spec : specs) {
    ArgumentSpec argument;
    argument.dtype = spec.dtype;
    argument.shape = spec.shape;
    arguments.push_back(std::move(argument));
  }
  Trace trace = trace_function([&](const Tensors& inputs) { return definite(function(inputs)); },
                               arguments, {});
  check_escaped(trace, arguments, "trace");
  return GraphAccess::make(std::move(trace));
}

}  // namespace detail

using detail::GraphAccess;
using detail::GraphData;

Graph Graph::parse(std::string_view text) {
  const support::FloatEnvScope environment;  // decimals are rounded to nearest
  auto graph = std::make_shared<const ir::Graph>(ir::parse(text));
  if (graph->find("main") == nullptr) {
    throw FormatError("1:1: the program has no function @main; name its entry so");
  }
  return detail::unbound_graph(std::move(graph));
}

std::string Graph::to_text() const {
  const support::FloatEnvScope environment;
  return ir::print(*GraphAccess::data(*this).graph);
}
std::string Graph::to_dot() const {
  const support::FloatEnvScope environment;
  return ir::to_dot(*GraphAccess::data(*this).graph);
}

detail::ValueList<GraphInput> Graph::inputs() const {
  std::vector<GraphInput> inputs;
  const GraphData& data = GraphAccess::data(*this);
  const ir::Function& main = data.graph->main();
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    const ir::Input& input = main.inputs()[i];
    const ir::Type& type = main.value(main.body().arguments[i]).type;
    inputs.push_back({std::string(ir::to_string(input.kind)),
                      input.name,
                      {type.dtype, type.shape},
                      data.inputs[i].tensor.defined()});
  }
  return inputs;
}

detail::ValueList<TensorSpec> Graph::outputs() const {
  std::vector<TensorSpec> outputs;
  const ir::Function& main = GraphAccess::data(*this).graph->main();
  for (const ir::Type& type : main.types(main.body().results))
    outputs.push_back({type.dtype, type.shape});
  return outputs;
}

std::ostream& operator<<(std::ostream& out, const Graph& graph) {
  return out << graph.to_text();
}

Graph optimize(const Graph& graph, const PassOptions& passes) {
  const GraphData& data = GraphAccess::data(graph);
  const support::FloatEnvScope environment;
  ir::Graph copy = data.graph->clone();
  passes::PipelineSettings settings;
  settings.options = passes;
  settings.isa = support::default_isa();
  passes::run_pipeline(copy, settings);
  return GraphAccess::make(
      {std::make_shared<const ir::Graph>(std::move(copy)), data.inputs, data.results});
}

}  // namespace mlpjit
