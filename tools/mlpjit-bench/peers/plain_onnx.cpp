#include "tools/mlpjit-bench/peers/plain_onnx.h"

#ifdef MLPJIT_BENCH_ONNX
#include <array>
#include <protozero/pbf_writer.hpp>

namespace mlpjit::bench {
namespace {

using Writer = protozero::pbf_writer;
using Names = std::vector<std::string>;

// Numbers of fields and enumerators are those of onnx.proto.
enum ModelField : std::uint32_t { kIrVersion = 1, kGraph = 7, kOpset = 8 };
enum OpsetField : std::uint32_t { kDomain = 1, kVersion = 2 };
enum GraphField : std::uint32_t {
  kNode = 1,
  kGraphName = 2,
  kInitializer = 5,
  kIn = 11,
  kOut = 12
};
enum NodeField : std::uint32_t { kInputs = 1, kOutputs = 2, kOp = 4, kAttribute = 5 };
enum AttributeField : std::uint32_t { kAttributeName = 1, kInteger = 3, kAttributeType = 20 };
enum TensorField : std::uint32_t { kDims = 1, kDataType = 2, kTensorName = 8, kRawData = 9 };
constexpr std::int32_t kIntegerType = 2, kFloat32 = 1;

struct IntegerAttribute {
  const char* name;
  std::int64_t value;
};

void write_node(Writer& graph, const char* op, const Names& inputs, const std::string& output,
                const std::optional<IntegerAttribute>& attribute = std::nullopt) {
  Writer node(graph, kNode);
  for (const std::string& input : inputs) node.add_string(kInputs, input);
  node.add_string(kOutputs, output);
  node.add_string(kOp, op);
  if (!attribute) return;
  Writer inner(node, kAttribute);
  inner.add_string(kAttributeName, attribute->name);
  inner.add_int64(kInteger, attribute->value);
  inner.add_int32(kAttributeType, kIntegerType);
}

void write_weight(Writer& graph, const std::string& name, const Tensor& weight,
                  const std::vector<std::int64_t>& shape) {
  Writer tensor(graph, kInitializer);
  tensor.add_packed_int64(kDims, shape.begin(), shape.end());
  tensor.add_int32(kDataType, kFloat32);
  tensor.add_string(kTensorName, name);
  const std::span<const float> values = weight.data<float>();
  tensor.add_bytes(kRawData, reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void write_value(Writer& graph, GraphField field, const char* name,
                 const std::array<std::int64_t, 2>& shape) {
  Writer value(graph, field);
  value.add_string(1, name);
  Writer type(value, 2);
  Writer tensor(type, 1);
  tensor.add_int32(1, kFloat32);
  Writer sizes(tensor, 2);
  for (const std::int64_t size : shape) {
    Writer dimension(sizes, 1);
    dimension.add_int64(1, size);
  }
}

void write_activation(Writer& graph, Activation activation, const std::string& from,
                      const std::string& to) {
  switch (activation) {
    case Activation::none: return write_node(graph, "Identity", {from}, to);
    case Activation::relu: return write_node(graph, "Relu", {from}, to);
    case Activation::tanh: return write_node(graph, "Tanh", {from}, to);
    case Activation::sigmoid: return write_node(graph, "Sigmoid", {from}, to);
    case Activation::elu: return write_node(graph, "Elu", {from}, to);
    case Activation::gelu: return write_node(graph, "Gelu", {from}, to);
    case Activation::silu:
      write_node(graph, "Sigmoid", {from}, from + ".sigmoid");
      return write_node(graph, "Mul", {from, from + ".sigmoid"}, to);
  }
}

void write_graph(Writer& model, const Problem& problem) {
  Writer graph(model, kGraph);
  graph.add_string(kGraphName, "network");
  std::string current = kOnnxInput;
  for (std::size_t i = 0; i < problem.layers.size(); ++i) {
    const DenseLayer& layer = problem.layers[i];
    const std::string name = "layer" + std::to_string(i);
    const bool last = i + 1 == problem.layers.size();
    write_weight(graph, name + ".weight", layer.weight, {layer.outputs, layer.inputs});
    write_weight(graph, name + ".bias", layer.bias, {layer.outputs});
    const std::string product = last ? kOnnxOutput : name;
    write_node(graph, "Gemm", {current, name + ".weight", name + ".bias"}, product,
               IntegerAttribute{"transB", 1});
    current = product;
    if (layer.activation == Activation::none) continue;
    current = name + ".activated";
    write_activation(graph, layer.activation, product, current);
  }
  write_value(graph, kIn, kOnnxInput, {problem.batch, problem.layers.front().inputs});
  write_value(graph, kOut, kOnnxOutput, {problem.batch, problem.layers.back().outputs});
}

}  // namespace

bool writes_onnx() {
  return true;
}

std::string plain_onnx(const Problem& problem) {
  std::string bytes;
  Writer model(bytes);
  model.add_int64(kIrVersion, 9);
  write_graph(model, problem);
  {
    Writer opset(model, kOpset);
    opset.add_string(kDomain, "");
    opset.add_int64(kVersion, 20);  // the first that has Gelu
  }
  return bytes;
}

}  // namespace mlpjit::bench
#else
namespace mlpjit::bench {

bool writes_onnx() {
  return false;
}
std::string plain_onnx(const Problem&) {
  throw Error("this build writes no ONNX");
}

}  // namespace mlpjit::bench
#endif
