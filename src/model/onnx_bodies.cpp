#include "src/model/onnx_bodies.h"

#include <fmt/format.h>

#include <set>

#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::detail {
namespace {

using ir::Opcode;
using onnx::Attribute;
using onnx::Node;

const std::set<Opcode> kOwn = {
    Opcode::dense,    Opcode::matmul,     Opcode::pow,   Opcode::floor_divide, Opcode::remainder,
    Opcode::rsqrt,    Opcode::expm1,      Opcode::log1p, Opcode::silu,         Opcode::clip,
    Opcode::hardtanh, Opcode::leaky_relu, Opcode::elu,   Opcode::layer_norm,   Opcode::var,
    Opcode::one_hot,  Opcode::gather};

// Builds a function: x0, x1, ... are its inputs, y its result.
class Body {
 public:
  explicit Body(std::size_t inputs) {
    for (std::size_t i = 0; i < inputs; ++i) function_.inputs.push_back("x" + std::to_string(i));
    function_.outputs = {"y"};
    function_.domain = onnx::kOwnDomain;
    function_.opsets[""] = 20;
  }

  std::string add(const char* op, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {}) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {"t" + std::to_string(next_++)};
    node.attributes = std::move(attributes);
    function_.nodes.push_back(std::move(node));
    return function_.nodes.back().outputs[0];
  }
  // A number of the first input's dtype.
  std::string number(double value) {
    auto tensor = std::make_shared<onnx::TensorData>();
    tensor->type = onnx::DataType::f64;
    tensor->own.assign(reinterpret_cast<const char*>(&value), sizeof value);
    Attribute attribute;
    attribute.name = "value";
    attribute.type = Attribute::Type::tensor;
    attribute.tensor = std::move(tensor);
    return add("CastLike", {add("Constant", {}, {attribute}), "x0"});
  }
  std::string integers(const std::vector<std::int64_t>& values) {
    return add("Constant", {}, {onnx_integers("value_ints", values)});
  }
  onnx::Function finish(const std::string& result) {
    add("Identity", {result});
    function_.nodes.back().outputs = {"y"};
    return std::move(function_);
  }

 private:
  onnx::Function function_;
  int next_ = 0;
};

std::string dense_body(Body& body, const ir::Op& op) {
  const std::string turned = body.add("Transpose", {"x1"}, {onnx_integers("perm", {1, 0})});
  const std::string product = body.add("MatMul", {"x0", turned});
  return op.operands.size() == 3 ? body.add("Add", {product, "x2"}) : product;
}

// The quotient towards minus infinity, and what is left of the dividend.
std::string division_body(Body& body, const ir::Op& op, bool integer) {
  const bool quotient = op.opcode == Opcode::floor_divide;
  if (integer) {
    const std::string left = body.add("Mod", {"x0", "x1"});
    return quotient ? body.add("Div", {body.add("Sub", {"x0", left}), "x1"}) : left;
  }
  const std::string floor = body.add("Floor", {body.add("Div", {"x0", "x1"})});
  return quotient ? floor : body.add("Sub", {"x0", body.add("Mul", {floor, "x1"})});
}

std::string var_body(Body& body, const ir::Op& op) {
  const std::string axes = body.integers(op.attrs.integers("axes"));
  const std::string centre = body.add("ReduceMean", {"x0", axes}, {onnx_integer("keepdims", 1)});
  const std::string off = body.add("Sub", {"x0", centre});
  return body.add("ReduceMean", {body.add("Mul", {off, off}), axes},
                  {onnx_integer("keepdims", op.attrs.flag("keepdims") ? 1 : 0)});
}

Attribute number_attribute(const std::string& name, double value) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::f;
  attribute.f = static_cast<float>(value);
  return attribute;
}

std::string one_hot_body(Body& body, const ir::Op& op) {
  const std::string values = body.integers({0, 1});
  const std::string depth = body.integers({op.attrs.integer("depth")});
  const std::string hot = body.add("OneHot", {"x0", depth, values});
  return body.add("Cast", {hot}, {onnx_dtype("to", op.attrs.get<DType>("dtype"))});
}

std::string result_of(Body& body, const ir::Op& op, std::span<const ir::Type> operands) {
  const auto number = [&](const char* name) { return op.attrs.floating(name); };
  switch (op.opcode) {
    case Opcode::dense: return dense_body(body, op);
    case Opcode::matmul: return body.add("MatMul", {"x0", "x1"});
    case Opcode::pow: return body.add("Pow", {"x0", "x1"});
    case Opcode::floor_divide:
    case Opcode::remainder: return division_body(body, op, is_integer(operands[0].dtype));
    case Opcode::rsqrt: return body.add("Reciprocal", {body.add("Sqrt", {"x0"})});
    case Opcode::expm1: return body.add("Sub", {body.add("Exp", {"x0"}), body.number(1)});
    case Opcode::log1p: return body.add("Log", {body.add("Add", {"x0", body.number(1)})});
    case Opcode::silu: return body.add("Mul", {"x0", body.add("Sigmoid", {"x0"})});
    case Opcode::clip: return body.add("Min", {body.add("Max", {"x0", "x1"}), "x2"});
    case Opcode::hardtanh:
      return body.add(
          "Min", {body.add("Max", {"x0", body.number(number("min"))}), body.number(number("max"))});
    case Opcode::leaky_relu:
      return body.add("LeakyRelu", {"x0"}, {number_attribute("alpha", number("alpha"))});
    case Opcode::elu: return body.add("Elu", {"x0"}, {number_attribute("alpha", number("alpha"))});
    case Opcode::layer_norm:
      return body.add("LayerNormalization", {"x0", "x1", "x2"},
                      {onnx_integer("axis", -1), number_attribute("epsilon", number("epsilon"))});
    case Opcode::var: return var_body(body, op);
    case Opcode::one_hot: return one_hot_body(body, op);
    case Opcode::gather:
      return body.add("Gather", {"x0", "x1"}, {onnx_integer("axis", op.attrs.integer("axis"))});
    default: break;
  }
  throw InternalError(fmt::format("export_onnx: no body for {}", ir::to_string(op.opcode)));
}

}  // namespace

Attribute onnx_integer(const std::string& name, std::int64_t value) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::i;
  attribute.i = value;
  return attribute;
}
onnx::DataType onnx_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return onnx::DataType::f32;
    case DType::f64: return onnx::DataType::f64;
    case DType::i32: return onnx::DataType::i32;
    case DType::i64: return onnx::DataType::i64;
    default: return onnx::DataType::boolean;
  }
}
Attribute onnx_dtype(const std::string& name, DType dtype) {
  return onnx_integer(name, static_cast<std::int64_t>(onnx_type(dtype)));
}
Attribute onnx_integers(const std::string& name, const std::vector<std::int64_t>& values) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::ints;
  attribute.ints = values;
  return attribute;
}
Attribute onnx_string(const std::string& name, const std::string& value) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::s;
  attribute.s = value;
  return attribute;
}
Attribute onnx_graph(const std::string& name, std::shared_ptr<const onnx::Graph> graph) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::graph;
  attribute.graph = std::move(graph);
  return attribute;
}

std::vector<Attribute> onnx_attributes(const ir::Op& op) {
  std::vector<Attribute> attributes;
  for (const auto& [name, value] : op.attrs) {
    if (const auto* flag = std::get_if<bool>(&value)) {
      attributes.push_back(onnx_integer(name, *flag ? 1 : 0));
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      attributes.push_back(onnx_integer(name, *integer));
    } else if (const auto* number = std::get_if<double>(&value)) {
      attributes.push_back(onnx_string(name, fmt::format("{}", *number)));
    } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
      attributes.push_back(onnx_integers(name, *list));
    } else if (const auto* dtype = std::get_if<DType>(&value)) {
      attributes.push_back(onnx_dtype(name, *dtype));
    }
  }
  return attributes;
}

bool OwnBodies::has(Opcode opcode) {
  return kOwn.contains(opcode);
}

std::string OwnBodies::function_for(const ir::Op& op, std::span<const ir::Type> operands,
                                    onnx::Model& model) {
  std::string made_from = fmt::format("{} {} {}", ir::to_string(op.opcode), operands.size(),
                                      is_integer(operands[0].dtype));
  for (const Attribute& attribute : onnx_attributes(op)) {
    made_from += fmt::format(" {} {} {}", attribute.name, attribute.i, attribute.s);
    for (const std::int64_t value : attribute.ints) made_from += fmt::format(",{}", value);
  }
  std::string& name = known_[made_from];
  if (!name.empty()) return name;
  const int before = count_[op.opcode]++;
  name = std::string(ir::to_string(op.opcode)) + (before == 0 ? "" : fmt::format(".{}", before));
  Body body(operands.size());
  onnx::Function function = body.finish(result_of(body, op, operands));
  function.name = name;
  for (const Attribute& attribute : onnx_attributes(op)) function.defaults.push_back(attribute);
  model.functions.push_back(std::move(function));
  return name;
}

}  // namespace mlpjit::detail
