#pragma once
// From a program to an ONNX model: one node per op, or a graph within a node.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/passes/passes.h"
#include "src/exchange/onnx_model.h"
#include "src/model/export_model.h"
#include "src/model/onnx_bodies.h"

namespace mlpjit::detail {

class OnnxWriter {
 public:
  explicit OnnxWriter(const PortableModel& from)
      : from_(from), program_(from.symbol.graph->clone()) {
    passes::inline_calls(program_);
  }

  using Names = std::vector<std::string>;

  onnx::Model write();

 private:
  using Values = std::unordered_map<std::uint32_t, std::string>;  // names, by value

  const ir::Function& main() const { return program_.main(); }
  const ir::Type& type(ir::ValueId id) const { return main().value(id).type; }
  const std::string& name(ir::ValueId id) const { return values_.at(id.index); }
  std::string fresh(const std::string& wanted);
  std::string name_result(ir::ValueId id);

  // Adds a node; gives the name of its one result.
  std::string node(const ir::Op& op, const std::string& kind, Names inputs,
                   std::vector<onnx::Attribute> attributes = {}, std::string result = "");
  std::string literal(const ir::Literal& literal, const std::string& wanted);
  std::string integers(const std::vector<std::int64_t>& values);
  std::string shape_tensor(const ir::Op& op, const Shape& shape);
  std::string symbol_tensor(const std::string& symbol);
  onnx::ValueInfo info(const std::string& name, const ir::Type& type) const;

  void region(const ir::Region& region);
  void op(const ir::Op& op);
  void plain(const ir::Op& op);
  void own(const ir::Op& op);
  void reduction(const ir::Op& op);
  void movement(const ir::Op& op);
  void slice(const ir::Op& op);
  void split(const ir::Op& op);
  void cond(const ir::Op& op);
  void while_loop(const ir::Op& op);
  void scan(const ir::Op& op);
  // A graph of its own: `fill` adds its nodes, and gives the names and types of its results.
  std::shared_ptr<const onnx::Graph> subgraph(
      const std::vector<onnx::ValueInfo>& inputs,
      const std::function<std::vector<std::pair<std::string, ir::Type>>()>& fill);
  void bind(const ir::Region& region, std::span<const std::string> names);

  const PortableModel& from_;
  ir::Graph program_;
  onnx::Model model_;
  onnx::Graph* graph_ = nullptr;  // that nodes go to
  Values values_;
  std::map<std::string, int> used_;
  std::map<std::string, std::string> symbols_;
  OwnBodies bodies_;
};

}  // namespace mlpjit::detail
