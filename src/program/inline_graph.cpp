// A program called while another one is traced becomes part of it.

#include "lib/ir/copy.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/sizes.h"
#include "lib/passes/passes.h"
#include "lib/passes/rewrite.h"
#include "mlpjit/error.h"
#include "src/ops/dispatch.h"
#include "src/program/graph_data.h"

namespace mlpjit::detail {

namespace {

// A trace has one function: what was too much to be written out cannot become part of it.
void require_no_calls(const ir::Function& main) {
  passes::for_each_op(main, ir::Function::kBody, [&](ir::OpId id) {
    const ir::Op& op = main.op(id);
    if (op.opcode != ir::Opcode::call) return;
    throw TraceError(path_prefix() +
                     "the program is too large to become part of a trace: calls of @" +
                     op.attrs.get<ir::FunctionRef>("callee").name +
                     " remain when as many as can be are written out; repeat with while_loop or "
                     "scan instead, or call it outside of what is hybridized");
  });
}

// The program with its calls inlined and its symbols filled in.
ir::Graph prepared(const Closure& closure, const Tensors& arguments) {
  const ir::Function& main = closure.graph->main();
  ir::Sizes sizes;
  for (std::size_t i = 0; i < closure.inputs.size(); ++i) {
    const Binding& binding = closure.inputs[i];
    if (!binding.is_call_argument()) continue;
    const Shape& expected = main.value(main.body().arguments[i]).type.shape;
    const Shape& actual = arguments.at(binding.argument).shape();
    if (identical(expected, actual)) continue;
    ir::match_shape(expected, actual,
                    path_prefix() + "input '" + main.inputs()[i].name + "' of the program", sizes);
  }
  ir::Graph graph = ir::substitute(*closure.graph, sizes);
  passes::inline_calls(graph);
  require_no_calls(graph.main());
  return graph;
}

}  // namespace

Tensors inline_graph(Recorder& recorder, const Closure& closure, const Tensors& arguments) {
  const ir::Graph graph = prepared(closure, arguments);
  const ir::Function& main = graph.main();
  ir::Copier copy(main, recorder.function(), ir::Copier::Names::numbered);
  copy.set_path(current_path());
  Tensors inputs;  // what stands for each input
  for (std::size_t i = 0; i < closure.inputs.size(); ++i) {
    const Binding& binding = closure.inputs[i];
    const ir::ValueId argument = main.body().arguments[i];
    Tensor tensor = binding.kind == ir::InputKind::state   ? recorder.random_state()
                    : binding.kind == ir::InputKind::token ? recorder.print_token()
                    : binding.tensor.defined()             ? binding.tensor.handle()
                                                           : arguments.at(binding.argument);
    const DType dtype = main.value(argument).type.dtype;
    const bool weak = TensorAccess::impl(tensor)->weak != WeakKind::none;
    if (!weak && binding.kind != ir::InputKind::token) adapt(tensor, dtype, "call of a program");
    copy.bind(argument, weak ? record_weak(recorder, tensor, dtype, "call")
                             : recorder.value_of(tensor, "call"));
    inputs.push_back(std::move(tensor));
  }
  copy.ops(ir::Function::kBody, recorder.region());
  Tensors results;
  for (std::size_t i = 0; i < closure.results.size(); ++i) {
    const ResultSource& source = closure.results[i];
    switch (source.kind) {
      case ResultSource::Kind::input: results.push_back(inputs[source.index]); break;
      case ResultSource::Kind::duplicate: results.push_back(Tensor(results[source.index])); break;
      case ResultSource::Kind::computed:
        results.push_back(recorder.symbolic(copy[main.body().results[i]], source.weak));
        break;
    }
  }
  for (const ir::Update& update : main.updates()) {
    recorder.update(inputs[update.input], copy[update.value], "call of a program");
  }
  return results;
}

}  // namespace mlpjit::detail
