// HybridBlock::export_onnx: each op becomes a node of ONNX, or one of our own domain with a body
// that any runtime can run.

#include "src/model/export_onnx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <unordered_map>

#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"
#include "mlpjit/version.h"
#include "src/model/onnx_writer.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {
namespace {

using ir::Opcode;
using onnx::Attribute;
using onnx::DataType;
using onnx::Node;
using onnx::TensorData;

// Plain ops of ONNX that are read as the same op again, so that a round trip keeps the bits.
const std::map<Opcode, const char*> kSame = {
    {Opcode::add, "Add"},           {Opcode::subtract, "Sub"},
    {Opcode::multiply, "Mul"},      {Opcode::divide, "Div"},
    {Opcode::negative, "Neg"},      {Opcode::maximum, "Max"},
    {Opcode::minimum, "Min"},       {Opcode::equal, "Equal"},
    {Opcode::less, "Less"},         {Opcode::less_equal, "LessOrEqual"},
    {Opcode::greater, "Greater"},   {Opcode::greater_equal, "GreaterOrEqual"},
    {Opcode::logical_and, "And"},   {Opcode::logical_or, "Or"},
    {Opcode::logical_xor, "Xor"},   {Opcode::logical_not, "Not"},
    {Opcode::where, "Where"},       {Opcode::abs, "Abs"},
    {Opcode::sign, "Sign"},         {Opcode::sqrt, "Sqrt"},
    {Opcode::exp, "Exp"},           {Opcode::log, "Log"},
    {Opcode::tanh, "Tanh"},         {Opcode::sigmoid, "Sigmoid"},
    {Opcode::softplus, "Softplus"}, {Opcode::erf, "Erf"},
    {Opcode::gelu, "Gelu"},         {Opcode::relu, "Relu"},
    {Opcode::sin, "Sin"},           {Opcode::cos, "Cos"},
    {Opcode::floor, "Floor"},       {Opcode::ceil, "Ceil"},
    {Opcode::round, "Round"},
};

const std::map<Opcode, const char*> kReductions = {{Opcode::sum, "ReduceSum"},
                                                   {Opcode::prod, "ReduceProd"},
                                                   {Opcode::mean, "ReduceMean"},
                                                   {Opcode::max, "ReduceMax"},
                                                   {Opcode::min, "ReduceMin"}};

TensorData tensor_data(const std::string& name, DType dtype, const Shape& shape, const void* data) {
  TensorData tensor;
  tensor.name = name;
  tensor.type = onnx_type(dtype);
  for (const std::int64_t size : shape.sizes()) tensor.dims.push_back(size);
  tensor.own.assign(static_cast<const char*>(data),
                    static_cast<std::size_t>(shape.size()) * size_of(dtype));
  return tensor;
}

}  // namespace

using Names = OnnxWriter::Names;

std::string OnnxWriter::fresh(const std::string& wanted) {
  const int before = used_[wanted]++;
  return before == 0 ? wanted : fmt::format("{}_{}", wanted, before);
}

std::string OnnxWriter::name_result(ir::ValueId id) {
  return values_[id.index] = fresh(main().value(id).name);
}

std::string OnnxWriter::node(const ir::Op& op, const std::string& kind, Names inputs,
                             std::vector<Attribute> attributes, std::string result) {
  if (result.empty()) result = fresh(op.path.empty() ? kind : op.path + "." + kind);
  Node made;
  made.name = fresh("node " + result);
  made.op = kind;
  made.inputs = std::move(inputs);
  made.outputs = {result};
  made.attributes = std::move(attributes);
  graph_->nodes.push_back(std::move(made));
  return result;
}

std::string OnnxWriter::literal(const ir::Literal& literal, const std::string& wanted) {
  const std::string name = fresh(wanted);
  // Constants stand with the weights, which every graph sees.
  model_.graph.initializers.push_back(
      tensor_data(name, literal.dtype, literal.shape, literal.data()));
  return name;
}

std::string OnnxWriter::integers(const std::vector<std::int64_t>& values) {
  return literal(ir::make_literal(DType::i64, Shape{Dim(values.size())}, values.data()),
                 "integers");
}

onnx::ValueInfo OnnxWriter::info(const std::string& name, const ir::Type& type) const {
  onnx::ValueInfo made;
  made.name = name;
  made.kind = onnx::ValueInfo::Kind::tensor;
  made.type = onnx_type(type.dtype);
  made.has_shape = true;
  for (int axis = 0; axis < type.shape.rank(); ++axis) {
    const Dim size = type.shape[axis];
    made.shape.push_back(size.is_static() ? onnx::Dimension{size.offset(), ""}
                                          : onnx::Dimension{-1, to_string(size)});
  }
  return made;
}

// The size that a symbol stands for, [1]: of the first input that has it as it is.
std::string OnnxWriter::symbol_tensor(const std::string& symbol) {
  if (const auto found = symbols_.find(symbol); found != symbols_.end()) return found->second;
  for (const ir::ValueId input : main().body().arguments) {
    const Shape& shape = type(input).shape;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (!identical(shape[axis], dim(symbol))) continue;
      Node made;
      made.op = "Shape";
      made.name = fresh("node size " + symbol);
      made.inputs = {main().value(input).name};
      made.outputs = {fresh("size " + symbol)};
      made.attributes = {onnx_integer("start", axis), onnx_integer("end", axis + 1)};
      // At the begin of the model, where every node comes after it.
      model_.graph.nodes.insert(model_.graph.nodes.begin(), made);
      return symbols_[symbol] = made.outputs[0];
    }
  }
  throw UnsupportedError(fmt::format(
      "export_onnx: no input has the size {} as it is, so that the file cannot ask for it",
      symbol));
}

std::string OnnxWriter::shape_tensor(const ir::Op& op, const Shape& shape) {
  if (shape.is_static()) return integers({shape.sizes().begin(), shape.sizes().end()});
  Names parts;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const Dim size = shape[axis];
    if (size.is_static()) {
      parts.push_back(integers({size.offset()}));
      continue;
    }
    std::string part = symbol_tensor(size.symbol());
    if (size.coefficient() != 1) part = node(op, "Mul", {part, integers({size.coefficient()})});
    if (size.offset() != 0) part = node(op, "Add", {part, integers({size.offset()})});
    parts.push_back(part);
  }
  return node(op, "Concat", std::move(parts), {onnx_integer("axis", 0)});
}

void OnnxWriter::plain(const ir::Op& op) {
  Names inputs;
  for (const ir::ValueId operand : op.operands) inputs.push_back(name(operand));
  const bool rounds =
      op.opcode == Opcode::floor || op.opcode == Opcode::ceil || op.opcode == Opcode::round;
  // ONNX rounds floats only; integers are what they are.
  const bool same = rounds && !is_floating(type(op.operands[0]).dtype);
  node(op, same ? "Identity" : kSame.at(op.opcode), std::move(inputs), {},
       name_result(op.results[0]));
}

// A node of our domain, whose function the file has.
void OnnxWriter::own(const ir::Op& op) {
  Names inputs;
  std::vector<ir::Type> types;
  for (const ir::ValueId operand : op.operands) {
    inputs.push_back(name(operand));
    types.push_back(type(operand));
  }
  const std::string function = bodies_.function_for(op, types, model_);
  node(op, function, std::move(inputs), onnx_attributes(op), name_result(op.results[0]));
  graph_->nodes.back().domain = onnx::kOwnDomain;
}

void OnnxWriter::reduction(const ir::Op& op) {
  std::string x = name(op.operands[0]);
  const ir::Type &from = type(op.operands[0]), &to = type(op.results[0]);
  // Sums of integers are i64, means of them f32.
  if (from.dtype != to.dtype) x = node(op, "Cast", {x}, {onnx_dtype("to", to.dtype)});
  const std::vector<std::int64_t>& axes = op.attrs.integers("axes");
  if (axes.empty()) {
    node(op, "Identity", {x}, {}, name_result(op.results[0]));
    return;
  }
  node(op, kReductions.at(op.opcode), {x, integers(axes)},
       {onnx_integer("keepdims", op.attrs.flag("keepdims") ? 1 : 0)}, name_result(op.results[0]));
}

void OnnxWriter::slice(const ir::Op& op) {
  const std::int64_t end = op.attrs.integer("end");
  node(op, "Slice",
       {name(op.operands[0]), integers({op.attrs.integer("begin")}), integers({end}),
        integers({op.attrs.integer("axis")}), integers({op.attrs.integer("step")})},
       {}, name_result(op.results[0]));
}

void OnnxWriter::split(const ir::Op& op) {
  Node made;
  made.op = "Split";
  made.name = fresh("node " + main().value(op.results[0]).name);
  made.inputs = {name(op.operands[0]), integers(op.attrs.integers("sizes"))};
  for (const ir::ValueId result : op.results) made.outputs.push_back(name_result(result));
  made.attributes = {onnx_integer("axis", op.attrs.integer("axis"))};
  graph_->nodes.push_back(std::move(made));
}

void OnnxWriter::movement(const ir::Op& op) {
  const std::string x = name(op.operands[0]);
  const auto axis = [&] { return onnx_integer("axis", op.attrs.integer("axis")); };
  switch (op.opcode) {
    case Opcode::reshape:
      node(op, "Reshape", {x, shape_tensor(op, op.attrs.get<Shape>("shape"))},
           {onnx_integer("allowzero", 1)}, name_result(op.results[0]));
      return;
    case Opcode::broadcast_to:
      node(op, "Expand", {x, shape_tensor(op, op.attrs.get<Shape>("shape"))}, {},
           name_result(op.results[0]));
      return;
    case Opcode::transpose:
      node(op, "Transpose", {x}, {onnx_integers("perm", op.attrs.integers("permutation"))},
           name_result(op.results[0]));
      return;
    case Opcode::concat: {
      Names parts;
      for (const ir::ValueId operand : op.operands) parts.push_back(name(operand));
      node(op, "Concat", std::move(parts), {axis()}, name_result(op.results[0]));
      return;
    }
    case Opcode::split: return split(op);
    case Opcode::slice: return slice(op);
    case Opcode::cast:
    case Opcode::narrow:
      node(op, "Cast", {x}, {onnx_dtype("to", op.attrs.get<DType>("dtype"))},
           name_result(op.results[0]));
      return;
    default: break;
  }
  throw UnsupportedError(
      fmt::format("export_onnx: {}ONNX cannot say {}",
                  op.path.empty() ? "" : "layer '" + op.path + "': ", ir::to_string(op.opcode)));
}

void OnnxWriter::op(const ir::Op& op) {
  const auto rank = [&] { return type(op.operands[0]).shape.rank(); };
  if (kSame.contains(op.opcode)) return plain(op);
  if (kReductions.contains(op.opcode)) return reduction(op);
  switch (op.opcode) {
    case Opcode::constant:
      values_[op.results[0].index] =
          literal(op.attrs.get<ir::Literal>("value"), main().value(op.results[0]).name);
      return;
    case Opcode::not_equal: {
      const std::string same = node(op, "Equal", {name(op.operands[0]), name(op.operands[1])});
      node(op, "Not", {same}, {}, name_result(op.results[0]));
      return;
    }
    case Opcode::gelu_tanh:
      node(op, "Gelu", {name(op.operands[0])}, {onnx_string("approximate", "tanh")},
           name_result(op.results[0]));
      return;
    case Opcode::softmax:
    case Opcode::log_softmax:
      node(op, op.opcode == Opcode::softmax ? "Softmax" : "LogSoftmax", {name(op.operands[0])},
           {onnx_integer("axis", op.attrs.integer("axis"))}, name_result(op.results[0]));
      return;
    case Opcode::argmax:
    case Opcode::argmin: {
      const std::vector<std::int64_t>& axes = op.attrs.integers("axes");
      if (axes.size() != 1) break;
      node(op, op.opcode == Opcode::argmax ? "ArgMax" : "ArgMin", {name(op.operands[0])},
           {onnx_integer("axis", axes[0]),
            onnx_integer("keepdims", op.attrs.flag("keepdims") ? 1 : 0)},
           name_result(op.results[0]));
      return;
    }
    case Opcode::cond: return cond(op);
    case Opcode::while_loop: return while_loop(op);
    case Opcode::scan: return scan(op);
    default: break;
  }
  if (OwnBodies::has(op.opcode)) return own(op);
  if (!op.operands.empty() && rank() >= 0 && !op.results.empty()) return movement(op);
  throw UnsupportedError(
      fmt::format("export_onnx: {}ONNX cannot say {}",
                  op.path.empty() ? "" : "layer '" + op.path + "': ", ir::to_string(op.opcode)));
}

void OnnxWriter::region(const ir::Region& region) {
  for (const ir::OpId id : region.ops) op(main().op(id));
}

onnx::Model OnnxWriter::write() {
  const SymbolFile& symbol = from_.symbol;
  for (const ir::Input& input : main().inputs()) {
    if (input.kind == ir::InputKind::state || input.kind == ir::InputKind::token)
      throw UnsupportedError("export_onnx: the network draws or prints, which ONNX cannot say");
  }
  if (!main().updates().empty()) {
    throw UnsupportedError(
        "export_onnx: the network changes tensors in place, which ONNX cannot say");
  }
  model_.ir_version = 9;
  model_.producer = "mlpjit " + std::string(version());
  model_.opsets[""] = 20;
  model_.metadata = symbol.metadata;
  // Lists that ONNX has no place for: a line for each entry.
  const auto keep = [&](const char* key, const std::vector<std::string>& list) {
    for (const std::string& entry : list) {
      if (entry.find('\n') != std::string::npos)
        throw UnsupportedError(fmt::format("export_onnx: '{}' goes over several lines", entry));
    }
    if (!list.empty()) model_.metadata[key] = fmt::format("{}", fmt::join(list, "\n"));
  };
  keep(onnx::kClasses, symbol.classes);
  keep(onnx::kStrings, symbol.strings);
  keep(onnx::kCoded, symbol.coded);
  model_.graph.name = "mlpjit";
  graph_ = &model_.graph;
  for (std::size_t i = 0; i < main().inputs().size(); ++i) {
    const ir::Input& input = main().inputs()[i];
    const ir::ValueId value = main().body().arguments[i];
    const std::string name = name_result(value);
    if (input.kind == ir::InputKind::argument) {
      model_.graph.inputs.push_back(info(name, type(value)));
      continue;
    }
    const Tensor& tensor = from_.tensors.at(input.name);
    model_.graph.initializers.push_back(
        tensor_data(name, tensor.dtype(), tensor.shape(), TensorAccess::impl(tensor)->data()));
  }
  region(main().body());
  for (std::size_t i = 0; i < symbol.head_names.size(); ++i) {
    const ir::ValueId result = main().body().results[i];
    Node copy;
    copy.op = "Identity";
    copy.name = fresh("node " + symbol.head_names[i]);
    copy.inputs = {name(result)};
    copy.outputs = {fresh(symbol.head_names[i])};
    model_.graph.outputs.push_back(info(copy.outputs[0], type(result)));
    model_.graph.nodes.push_back(std::move(copy));
  }
  if (!model_.functions.empty()) model_.opsets[std::string(onnx::kOwnDomain)] = 1;
  return std::move(model_);
}

onnx::Model onnx_model(const PortableModel& model) {
  return OnnxWriter(model).write();
}

}  // namespace mlpjit::detail
