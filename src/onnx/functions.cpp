// Functions of a model, written out where they are called.

#include <fmt/format.h>

#include <functional>

#include "mlpjit/error.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

constexpr int kDeepestCalls = 64;

// The body of a function with the attributes of the call in the places that refer to them.
Node with_attributes(const Node& node,
                     const std::function<const Attribute*(const std::string&)>& given) {
  Node result = node;
  std::erase_if(result.attributes, [&](Attribute& attribute) {
    if (!attribute.refers_to.empty()) {
      const Attribute* found = given(attribute.refers_to);
      if (found == nullptr) return true;
      const std::string name = attribute.name;
      attribute = *found;
      attribute.name = name;
    }
    if (attribute.graph) {
      auto graph = std::make_shared<Graph>(*attribute.graph);
      for (Node& inner : graph->nodes) inner = with_attributes(inner, given);
      attribute.graph = graph;
    }
    return false;
  });
  return result;
}

}  // namespace

// Ops of ours are known better than by their bodies.
const Function* Importer::find_function(const Node& node) const {
  if (node.domain == kOwnDomain && find_definition(node.domain, node.op) != nullptr) return nullptr;
  for (const Function& function : model_.functions) {
    if (function.name == node.op && function.domain == node.domain &&
        function.overload == node.overload)
      return &function;
  }
  return nullptr;
}

Values Importer::call_function(const Function& function, const Node& node, const Values& inputs) {
  if (++depth_ > kDeepestCalls)
    throw FormatError(
        fmt::format("{}: functions call each other deeper than {}", file_, kDeepestCalls));
  Scope scope;
  scope.set_opsets(function.opsets.empty() ? &model_.opsets : &function.opsets);
  for (std::size_t i = 0; i < function.inputs.size(); ++i)
    scope.set(function.inputs[i], i < inputs.size() ? inputs[i] : Value());
  std::vector<Node> nodes;
  for (const Node& inner : function.nodes) {
    nodes.push_back(with_attributes(inner, [&](const std::string& name) -> const Attribute* {
      if (const Attribute* given = node.find(name)) return given;
      for (const Attribute& attribute : function.defaults) {
        if (attribute.name == name) return &attribute;
      }
      return nullptr;
    }));
  }
  run_nodes(nodes, scope);
  Values results;
  for (const std::string& name : function.outputs) {
    const Value* value = scope.find(name);
    if (value == nullptr)
      throw FormatError(fmt::format("{}: function '{}': its output '{}' is no node's", file_,
                                    function.name, name));
    results.push_back(*value);
  }
  --depth_;
  return results;
}

}  // namespace mlpjit::onnx
