#include "src/onnx/node_order.h"

#include <set>
#include <unordered_map>

namespace mlpjit::onnx {
namespace {

// What a node and the graphs within it ask for.
void add_inputs(const Node& node, std::vector<const std::string*>& to) {
  for (const std::string& input : node.inputs) to.push_back(&input);
  for (const Attribute& attribute : node.attributes) {
    if (!attribute.graph) continue;
    for (const Node& inner : attribute.graph->nodes) add_inputs(inner, to);
    for (const ValueInfo& output : attribute.graph->outputs) to.push_back(&output.name);
  }
}

}  // namespace

std::vector<std::size_t> in_order(const std::vector<Node>& nodes) {
  std::unordered_map<std::string, std::size_t> makers;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].outputs) {
      if (!output.empty()) makers.emplace(output, i);
    }
  }
  std::vector<std::vector<std::size_t>> users(nodes.size());
  std::vector<std::size_t> waits(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<const std::string*> inputs;
    add_inputs(nodes[i], inputs);
    std::set<std::size_t> before;
    for (const std::string* input : inputs) {
      const auto maker = makers.find(*input);
      if (maker != makers.end() && maker->second != i) before.insert(maker->second);
    }
    for (const std::size_t maker : before) users[maker].push_back(i);
    waits[i] = before.size();
  }
  std::set<std::size_t> ready;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (waits[i] == 0) ready.insert(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t next = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(next);
    for (const std::size_t user : users[next]) {
      if (--waits[user] == 0) ready.insert(user);
    }
  }
  // In a circle: as they stand, and the first of them names what it misses.
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (waits[i] > 0) order.push_back(i);
  }
  return order;
}

}  // namespace mlpjit::onnx
