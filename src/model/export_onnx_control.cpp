// Branches and loops as ONNX's If, Loop and Scan, whose bodies are graphs.

#include <fmt/format.h>

#include "lib/ir/opcodes.h"
#include "src/model/onnx_writer.h"

namespace mlpjit::detail {

using onnx::Attribute;
using onnx::Node;

void OnnxWriter::bind(const ir::Region& region, std::span<const std::string> names) {
  for (std::size_t i = 0; i < region.arguments.size(); ++i)
    values_[region.arguments[i].index] = names[i];
}

std::shared_ptr<const onnx::Graph> OnnxWriter::subgraph(
    const std::vector<onnx::ValueInfo>& inputs,
    const std::function<std::vector<std::pair<std::string, ir::Type>>()>& fill) {
  auto made = std::make_shared<onnx::Graph>();
  made->name = fresh("graph");
  made->inputs = inputs;
  onnx::Graph* const outer = std::exchange(graph_, made.get());
  for (auto& [result, type] : fill()) {
    // A result is a node's of this graph.
    Node copy;
    copy.op = "Identity";
    copy.name = fresh("node result");
    copy.inputs = {result};
    copy.outputs = {fresh("result")};
    made->outputs.push_back(info(copy.outputs[0], type));
    made->nodes.push_back(std::move(copy));
  }
  graph_ = outer;
  return made;
}

void OnnxWriter::cond(const ir::Op& op) {
  Names given;
  for (std::size_t i = 1; i < op.operands.size(); ++i) given.push_back(name(op.operands[i]));
  const auto branch = [&](std::size_t i) {
    const ir::Region& of = main().region(op.regions[i]);
    return onnx_graph(i == 0 ? "then_branch" : "else_branch", subgraph({}, [&] {
                        bind(of, given);
                        region(of);
                        std::vector<std::pair<std::string, ir::Type>> results;
                        for (const ir::ValueId id : of.results)
                          results.emplace_back(name(id), type(id));
                        return results;
                      }));
  };
  Node made;
  made.op = "If";
  made.name = fresh("node If");
  made.inputs = {name(op.operands[0])};
  made.attributes = {branch(0), branch(1)};
  for (const ir::ValueId result : op.results) made.outputs.push_back(name_result(result));
  graph_->nodes.push_back(std::move(made));
}

// Whether another round comes is asked before the first, and at the end of each.
void OnnxWriter::while_loop(const ir::Op& op) {
  const ir::Region &condition = main().region(op.regions[0]), &body = main().region(op.regions[1]);
  Names state;
  for (const ir::ValueId operand : op.operands) state.push_back(name(operand));
  const auto asked = [&](std::span<const std::string> now) {
    bind(condition, now);
    region(condition);
    const ir::ValueId result = condition.results[0];
    return type(result).shape.rank() == 0 ? name(result)
                                          : node(op, "Reshape", {name(result), integers({})});
  };
  const std::string first = asked(state);
  Names inside;
  std::vector<onnx::ValueInfo> inputs{info(fresh("round"), {DType::i64, {}, false}),
                                      info(fresh("condition"), {DType::boolean, {}, false})};
  for (const ir::ValueId argument : body.arguments) {
    inside.push_back(fresh(main().value(argument).name));
    inputs.push_back(info(inside.back(), type(argument)));
  }
  const auto graph = subgraph(inputs, [&] {
    bind(body, inside);
    region(body);
    Names next;
    for (const ir::ValueId id : body.results) next.push_back(name(id));
    std::vector<std::pair<std::string, ir::Type>> results{
        {asked(next), {DType::boolean, {}, false}}};
    for (std::size_t i = 0; i < next.size(); ++i)
      results.emplace_back(next[i], type(body.results[i]));
    return results;
  });
  const std::int64_t most = op.attrs.integer("max_iterations");
  Node made;
  made.op = "Loop";
  made.name = fresh("node Loop");
  made.inputs = {most < 0 ? "" : literal(ir::scalar_literal(DType::i64, most), "rounds"), first};
  made.inputs.insert(made.inputs.end(), state.begin(), state.end());
  made.attributes = {onnx_graph("body", graph)};
  for (const ir::ValueId result : op.results) made.outputs.push_back(name_result(result));
  graph_->nodes.push_back(std::move(made));
}

void OnnxWriter::scan(const ir::Op& op) {
  const ir::Region& body = main().region(op.regions[0]);
  const std::int64_t carried = op.attrs.integer("carried");
  Names inside;
  std::vector<onnx::ValueInfo> inputs;
  for (const ir::ValueId argument : body.arguments) {
    inside.push_back(fresh(main().value(argument).name));
    inputs.push_back(info(inside.back(), type(argument)));
  }
  Node made;
  made.op = "Scan";
  made.name = fresh("node Scan");
  for (const ir::ValueId operand : op.operands) made.inputs.push_back(name(operand));
  made.attributes = {
      onnx_graph("body", subgraph(inputs,
                                  [&] {
                                    bind(body, inside);
                                    region(body);
                                    std::vector<std::pair<std::string, ir::Type>> results;
                                    for (const ir::ValueId id : body.results)
                                      results.emplace_back(name(id), type(id));
                                    return results;
                                  })),
      onnx_integer("num_scan_inputs", static_cast<std::int64_t>(op.operands.size()) - carried)};
  for (const ir::ValueId result : op.results) made.outputs.push_back(name_result(result));
  graph_->nodes.push_back(std::move(made));
}

}  // namespace mlpjit::detail
