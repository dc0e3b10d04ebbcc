// The strings of a model: what its nodes compare and give is known by codes, places in one table.

#include <algorithm>
#include <functional>
#include <set>

#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

using Take = std::function<void(const std::string&)>;

void for_each_node(const Graph& graph, const std::function<void(const Node&)>& visit) {
  for (const Node& node : graph.nodes) {
    visit(node);
    for (const Attribute& attribute : node.attributes) {
      if (attribute.graph) for_each_node(*attribute.graph, visit);
    }
  }
}

// Names of the values that results of strings are made of: their strings are labels.
std::set<std::string> label_sources(const Graph& graph) {
  static const std::set<std::string, std::less<>> kMoving = {
      "Identity", "Reshape", "Cast",      "ArrayFeatureExtractor", "Gather", "Squeeze",
      "Flatten",  "Where",   "Unsqueeze", "GatherElements",        "Concat", "If"};
  std::set<std::string> sources;
  for (const ValueInfo& output : graph.outputs) {
    if (output.type == DataType::string) sources.insert(output.name);
  }
  // From the end, as often as there is more to find: nodes stand in any order.
  for (std::size_t before = 0; before != sources.size();) {
    before = sources.size();
    for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
      const bool gives =
          std::any_of(node->outputs.begin(), node->outputs.end(),
                      [&](const std::string& name) { return sources.contains(name); });
      if (gives && kMoving.contains(node->op))
        sources.insert(node->inputs.begin(), node->inputs.end());
    }
  }
  return sources;
}

void take_labels(const Node& node, const std::set<std::string>& sources, const Take& take) {
  const bool gives = std::any_of(node.outputs.begin(), node.outputs.end(),
                                 [&](const std::string& name) { return sources.contains(name); });
  for (const Attribute& attribute : node.attributes) {
    const bool values = gives && attribute.name == "values_strings";
    if (attribute.name == "classlabels_strings" || values)
      std::for_each(attribute.strings.begin(), attribute.strings.end(), take);
    if (gives && attribute.tensor)
      std::for_each(attribute.tensor->strings.begin(), attribute.tensor->strings.end(), take);
  }
}

// Every string that a node compares with or gives.
void take_all(const Node& node, const Take& take) {
  const bool ml = node.domain == "ai.onnx.ml";
  for (const Attribute& attribute : node.attributes) {
    if (ml) std::for_each(attribute.strings.begin(), attribute.strings.end(), take);
    if (ml && attribute.name == "default_string") take(attribute.s);
    if (attribute.tensor)
      std::for_each(attribute.tensor->strings.begin(), attribute.tensor->strings.end(), take);
    if (!attribute.graph) continue;
    for (const TensorData& tensor : attribute.graph->initializers)
      std::for_each(tensor.strings.begin(), tensor.strings.end(), take);
  }
  if (ml && (node.op == "LabelEncoder" || node.op == "CategoryMapper")) take("_Unused");
}

}  // namespace

void Importer::collect_strings() {
  const Take take = [&](const std::string& text) {
    if (codes_.emplace(text, static_cast<std::int64_t>(strings_.size())).second)
      strings_.push_back(text);
  };
  std::vector<Graph> graphs{model_.graph};
  for (const Function& function : model_.functions) graphs.emplace_back().nodes = function.nodes;
  const std::set<std::string> sources = label_sources(model_.graph);
  for (const TensorData& tensor : model_.graph.initializers) {
    if (sources.contains(tensor.name))
      std::for_each(tensor.strings.begin(), tensor.strings.end(), take);
  }
  for (const Graph& graph : graphs)
    for_each_node(graph, [&](const Node& node) { take_labels(node, sources, take); });
  classes_ = strings_;
  for (const TensorData& tensor : model_.graph.initializers)
    std::for_each(tensor.strings.begin(), tensor.strings.end(), take);
  for (const Graph& graph : graphs)
    for_each_node(graph, [&](const Node& node) { take_all(node, take); });
  if (!classes_.empty()) return;
  // Labels that are numbers are classes as well.
  for_each_node(model_.graph, [&](const Node& node) {
    for (const Attribute& attribute : node.attributes) {
      const bool numbers =
          attribute.name == "classlabels_ints" || attribute.name == "classlabels_int64s";
      if (!numbers || !classes_.empty()) continue;
      for (const std::int64_t number : attribute.ints) classes_.push_back(std::to_string(number));
    }
  });
}

std::int64_t Importer::code_of(const std::string& text) const {
  const auto found = codes_.find(text);
  return found == codes_.end() ? -1 : found->second;
}

}  // namespace mlpjit::onnx
