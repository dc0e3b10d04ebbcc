#pragma once
// Small ONNX models, made by the writer and read back.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mlpjit/mlpjit.h"
#include "src/onnx/write_model.h"

namespace mlpjit::test {

using onnx::Attribute;
using onnx::DataType;
using onnx::Dimension;
using onnx::Graph;
using onnx::Model;
using onnx::Node;
using onnx::TensorData;
using onnx::ValueInfo;

inline TensorData floats(const std::string& name, std::vector<std::int64_t> dims,
                         std::vector<float> values) {
  TensorData tensor;
  tensor.name = name;
  tensor.type = DataType::f32;
  tensor.dims = std::move(dims);
  tensor.own.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return tensor;
}
inline TensorData integers(const std::string& name, std::vector<std::int64_t> values) {
  TensorData tensor;
  tensor.name = name;
  tensor.type = DataType::i64;
  tensor.dims = {static_cast<std::int64_t>(values.size())};
  tensor.own.assign(reinterpret_cast<const char*>(values.data()),
                    values.size() * sizeof(std::int64_t));
  return tensor;
}
inline ValueInfo value(const std::string& name, std::vector<Dimension> shape,
                       DataType type = DataType::f32) {
  ValueInfo info;
  info.name = name;
  info.kind = ValueInfo::Kind::tensor;
  info.type = type;
  info.has_shape = true;
  info.shape = std::move(shape);
  return info;
}
inline Node node(const std::string& op, std::vector<std::string> inputs,
                 std::vector<std::string> outputs, std::vector<Attribute> attributes = {}) {
  Node made;
  made.op = op;
  made.inputs = std::move(inputs);
  made.outputs = std::move(outputs);
  made.attributes = std::move(attributes);
  return made;
}
inline Attribute graph_attribute(const std::string& name, Graph graph) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::graph;
  attribute.graph = std::make_shared<Graph>(std::move(graph));
  return attribute;
}
inline Attribute integer(const std::string& name, std::int64_t i) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::i;
  attribute.i = i;
  return attribute;
}

inline const Dimension kBatch{-1, "b"};

class OnnxGraph : public testing::Test {
 protected:
  OnnxGraph() {
    model_.ir_version = 8;
    model_.opsets[""] = 17;
    model_.graph.inputs = {value("x", {kBatch, {3, ""}})};
    model_.graph.outputs = {value("y", {})};
  }
  ~OnnxGraph() override { std::filesystem::remove(path_); }

  nn::SymbolBlock read() {
    std::ofstream(path_, std::ios::binary) << onnx::write_model(model_);
    return nn::SymbolBlock::imports(path_);
  }
  template <class E>
  std::string error() {
    try {
      read();
    } catch (const E& error) {
      return error.what();
    }
    return "";
  }
  Graph& graph() { return model_.graph; }

  Model model_;
  const std::string path_ = testing::TempDir() + std::to_string(getpid()) + ".graph.onnx";
};

}  // namespace mlpjit::test
