#include "lib/jit/op_function.h"

#include "lib/passes/rewrite.h"
#include "lib/plan/plan.h"

namespace mlpjit::jit {

ir::Graph op_as_graph(const ir::Graph& graph, ir::OpId id) {
  const ir::Function& from = graph.main();
  const ir::Op& op = from.op(id);
  ir::Graph copy = graph.clone();  // the functions that the op calls
  copy.remove_function("main");
  ir::Function& main = copy.add_function("main");
  passes::ValueMap map;
  std::size_t count = 0;
  const auto add_input = [&](ir::ValueId value) {
    const ir::Type& type = from.value(value).type;
    const ir::InputKind kind = type.token ? ir::InputKind::token : ir::InputKind::argument;
    map[value] = main.add_input({kind, std::to_string(count++)}, type);
  };
  for (const ir::ValueId operand : op.operands) add_input(operand);
  for (const ir::ValueId captured : plan::captured_values(from, id)) add_input(captured);
  const ir::OpId inner = passes::copy_op(from, id, main, ir::Function::kBody, map);
  main.body().results = main.op(inner).results;
  return copy;
}

}  // namespace mlpjit::jit
