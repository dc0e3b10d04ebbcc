#include "src/onnx/importer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "mlpjit/create.h"
#include "mlpjit/error.h"
#include "src/onnx/call.h"
#include "src/onnx/node_order.h"
#include "src/onnx/tensor_data.h"

namespace mlpjit::onnx {
namespace {

constexpr std::size_t kMostCounted = 1 << 20;
// What nodes of constants may make of them, in bytes: so much, and so many times the model's own.
constexpr std::size_t kMostFolded = std::size_t{256} << 20;
constexpr std::size_t kFoldedTimes = 16;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

// Numbers that an op may ask for, of an input with this shape.
bool may_be_asked(const Shape& shape) {
  return shape.is_static() && shape.size() <= 64;
}

// One of the inputs that results hang on, where all of them may be asked for.
std::optional<std::size_t> common_root(const Values& inputs) {
  std::optional<std::size_t> root;
  for (const Value& value : inputs) {
    if (value.constant || value.absent()) continue;
    if (!value.root) return std::nullopt;
    root = value.root;
  }
  return root;
}

// What may be done with integers of fewer bits than 32: all but arithmetic, which would not wrap as
// theirs does.
bool may_be_small(const Node& node) {
  static const std::set<std::string, std::less<>> kOps = {
      "Cast",  "Identity", "Reshape", "Flatten",        "Transpose",   "Squeeze", "Unsqueeze",
      "Slice", "Gather",   "Concat",  "Expand",         "Tile",        "Split",   "Shape",
      "Size",  "Equal",    "Less",    "GreaterOrEqual", "LessOrEqual", "Greater", "If",
      "Where", "ArgMax",   "ArgMin",  "ConstantOfShape"};
  return kOps.contains(node.op);
}

void check_small(const Call& call, const Values& inputs) {
  for (const Value& value : inputs) {
    if (value.is_small && !may_be_small(call.node()))
      call.unsupported("arithmetic of integers of 8 or 16 bits: cast them first");
  }
}

// A value with its tensor, where it is one.
Value as_tensor(Value value) {
  if (!value.tensor.defined() && value.sizes) value.tensor = tensor_of(*value.sizes);
  if (!value.tensor.defined() && value.product)
    value.tensor = dense(value.product->x, value.product->weight);
  return value;
}

}  // namespace

const Value* Scope::find(const std::string& name) const {
  const auto found = values_.find(name);
  if (found != values_.end()) return &found->second;
  return around_ == nullptr ? nullptr : around_->find(name);
}

const std::map<std::string, std::int64_t>& Scope::opsets() const {
  return opsets_ != nullptr ? *opsets_ : around_->opsets();
}

Importer::Importer(const Model& model, std::string file, const ImportOptions& options)
    : model_(model),
      file_(std::move(file)),
      options_(options),
      folding_left_(kMostFolded + kFoldedTimes * options.model_bytes) {
  collect_used(model_.graph);
  for (const Function& function : model_.functions) {
    Graph body;
    body.nodes = function.nodes;
    collect_used(body);
  }
  collect_strings();
}

void Importer::collect_used(const Graph& graph) {
  for (const ValueInfo& output : graph.outputs) used_.insert(output.name);
  for (const Node& node : graph.nodes) {
    used_.insert(node.inputs.begin(), node.inputs.end());
    for (const Attribute& attribute : node.attributes) {
      if (attribute.graph) collect_used(*attribute.graph);
    }
  }
}

void Importer::check(const std::vector<Node>& nodes, std::vector<std::string>& unsupported) const {
  for (const Node& node : nodes) {
    if (find_function(node) == nullptr && find_definition(node.domain, node.op) == nullptr) {
      const auto version = model_.opsets.find(node.domain);
      unsupported.push_back(
          fmt::format("{}{}{} version {}{}", node.domain, node.domain.empty() ? "" : ".", node.op,
                      version == model_.opsets.end() ? 0 : version->second,
                      node.name.empty() ? "" : fmt::format(" (node '{}')", node.name)));
    }
    for (const Attribute& attribute : node.attributes) {
      if (attribute.graph) check(attribute.graph->nodes, unsupported);
    }
  }
}

DType Importer::dtype_of(DataType type, const std::string& what) const {
  switch (type) {
    case DataType::f32: return DType::f32;
    case DataType::f64: return DType::f64;
    case DataType::i32: return DType::i32;
    case DataType::i64: return DType::i64;
    case DataType::boolean: return DType::boolean;
    case DataType::string: return DType::i64;  // codes
    case DataType::f16:
    case DataType::bf16:
      if (options_.widen) return DType::f32;
      throw UnsupportedError(fmt::format(
          "{}: {} has {} numbers, which mlpjit does not calculate with: {{.cast = true}} widens "
          "them to float32",
          file_, what, to_string(type)));
    default:
      throw UnsupportedError(
          fmt::format("{}: {} has {} numbers: expected float32, float64, int32, int64 or bool",
                      file_, what, to_string(type)));
  }
}

void Importer::check() const {
  std::vector<std::string> unsupported;
  check(model_.graph.nodes, unsupported);
  for (const Function& function : model_.functions) check(function.nodes, unsupported);
  if (unsupported.empty()) return;
  std::string list;
  for (const std::string& node : unsupported) list += "\n  " + node;
  throw UnsupportedError(
      fmt::format("{}: {} of its nodes cannot be read:{}", file_, unsupported.size(), list));
}

detail::FunctionModel Importer::function(const detail::Known& known) {
  detail::FunctionModel model;
  model.file = file_;
  for (std::size_t i = 0; detail::FunctionModel::Input & input : inputs()) {
    if (known.inputs.contains(i++)) continue;
    for (int axis = 0; axis < input.shape.rank(); ++axis) {
      const Dim size = input.shape[axis];
      const auto found = known.sizes.find(size.symbol());
      if (!size.is_static() && found != known.sizes.end())
        input.shape.set(axis, size.substitute(size.symbol(), found->second));
    }
    model.inputs.push_back(std::move(input));
  }
  std::set<std::string> distinct;
  for (const ValueInfo& output : model_.graph.outputs) {
    for (const std::string& each : names_of(output)) {
      std::string name = each;
      for (int again = 1; !distinct.insert(name).second; ++again)
        name = fmt::format("{}_{}", each, again);
      model.output_names.push_back(name);
    }
  }
  model.body = [this, known](const Tensors& arguments) { return body(known, arguments); };
  model.parameter = [this](const Tensor& tensor) -> std::optional<std::string> {
    const auto found = names_.find(detail::identity_of(tensor));
    if (found == names_.end()) return std::nullopt;
    return found->second;
  };
  model.metadata = model_.metadata;
  // What a later version of the format says is for people to see.
  if (!model_.unknown_fields.empty())
    model.metadata["onnx.unknown_fields"] =
        fmt::format("{}", fmt::join(model_.unknown_fields, ", "));
  model.classes = classes_;
  model.strings = strings_;
  const auto take = [&](const char* key, std::vector<std::string>& to) {
    const auto found = model.metadata.find(key);
    if (found == model.metadata.end()) return;
    to = lines_of(found->second);
    model.metadata.erase(found);
  };
  take(kClasses, model.classes);
  take(kStrings, model.strings);
  take(kCoded, model.coded);
  for (const auto* list : {&model_.graph.inputs, &model_.graph.outputs}) {
    for (const ValueInfo& info : *list) {
      if (info.type == DataType::string) model.coded.push_back(info.name);
    }
  }
  return model;
}

Tensors Importer::body(const detail::Known& known, const Tensors& arguments) {
  Scope scope;
  scope.set_opsets(&model_.opsets);
  std::set<std::string> given;
  for (const TensorData& tensor : model_.graph.initializers) given.insert(tensor.name);
  std::size_t place = 0, next = 0;
  for (const ValueInfo& info : model_.graph.inputs) {
    if (given.contains(info.name)) continue;
    const auto found = known.inputs.find(place);
    Value value =
        found != known.inputs.end() ? constant(found->second) : computed(arguments[next++]);
    value.is_text = info.type == DataType::string;
    value.is_small = is_small(info.type);
    if (!value.constant && may_be_asked(value.tensor.shape())) value.root = place;
    scope.set(info.name, std::move(value));
    ++place;
  }
  Tensors results;
  for (const Value& value : run(model_.graph, &scope, {})) {
    if (!value.sequence) results.push_back(value.tensor);
    for (std::size_t i = 0; value.sequence && i < value.sequence->size(); ++i)
      results.push_back(as_tensor((*value.sequence)[i]).tensor);
  }
  return results;
}

Values Importer::run(const Graph& graph, const Scope* around, const Values& inputs) {
  Scope scope(around);
  for (const TensorData& data : graph.initializers) {
    if (!used_.contains(data.name)) continue;  // whatever it is
    Value value = read(data);
    value.name = data.name;
    scope.set(data.name, std::move(value));
  }
  for (std::size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i)
    scope.set(graph.inputs[i].name, inputs[i]);
  run_nodes(graph.nodes, scope);
  Values results;
  for (const ValueInfo& output : graph.outputs) {
    const Value* value = scope.find(output.name);
    if (value == nullptr)
      throw FormatError(fmt::format("{}: output '{}' is no node's", file_, output.name));
    results.push_back(as_tensor(*value));
  }
  return results;
}

void Importer::run_nodes(const std::vector<Node>& nodes, Scope& scope) {
  for (const std::size_t i : in_order(nodes))
    detail::in_named_layer(nodes[i].name, [&] { run_node(nodes[i], scope); });
}

void Importer::count(std::size_t more) {
  if (more > kMostCounted - counted_) {
    throw TooMuch(
        fmt::format("{}: more than {} nodes with all functions and loops written out, elements of "
                    "sequences among them",
                    file_, kMostCounted));
  }
  counted_ += more;
}

void Importer::run_node(const Node& node, Scope& scope) {
  if (node.outputs.empty())
    throw FormatError(fmt::format("{}: {}: it has no outputs", file_, described(node)));
  count(1);
  Values inputs;
  bool all_constant = true;
  for (const std::string& name : node.inputs) {
    if (name.empty()) {
      inputs.emplace_back();
      continue;
    }
    const Value* value = scope.find(name);
    if (value == nullptr) {
      throw FormatError(
          fmt::format("{}: {}: its input '{}' is no earlier node's", file_, described(node), name));
    }
    all_constant = all_constant && value->constant;
    inputs.push_back(*value);
  }
  Values results;
  if (const Function* function = find_function(node)) {
    results = call_function(*function, node, inputs);
  } else {
    const auto version = scope.opsets().find(node.domain);
    const Call call(*this, node, version == scope.opsets().end() ? 1 : version->second, scope,
                    inputs);
    // Graphs in a node see what is around them, which need not be constant.
    const bool has_graphs =
        std::any_of(node.attributes.begin(), node.attributes.end(),
                    [](const Attribute& attribute) { return attribute.graph != nullptr; });
    if (all_constant && !has_graphs) {
      detail::computed_now(
          [&] {
            results = results_of(call, inputs);
            return Tensors();
          },
          &folding_left_);
      for (Value& result : results) {
        result.constant = result.tensor.defined();
        if (result.constant) kept_.push_back(result.tensor);
      }
    } else {
      results = results_of(call, inputs);
    }
  }
  if (const std::optional<std::size_t> root = common_root(inputs)) {
    for (Value& result : results) result.root = root;
  }
  if (results.size() < node.outputs.size()) {
    for (std::size_t i = results.size(); i < node.outputs.size(); ++i) {
      if (!node.outputs[i].empty())
        throw UnsupportedError(
            fmt::format("{}: {}: its result {} is not given", file_, described(node), i));
    }
  }
  for (std::size_t i = 0; i < node.outputs.size() && i < results.size(); ++i) {
    if (!node.outputs[i].empty()) scope.set(node.outputs[i], std::move(results[i]));
  }
}

Values Importer::results_of(const Call& call, const Values& inputs) {
  const bool sizes = std::any_of(inputs.begin(), inputs.end(),
                                 [](const Value& value) { return value.sizes.has_value(); });
  if (sizes) {
    if (std::optional<Values> results = computed_on_sizes(call)) return std::move(*results);
  }
  check_small(call, inputs);
  const Definition* definition = find_definition(call.node().domain, call.node().op);
  if (definition == nullptr) call.unsupported("no such op is known");
  try {
    return (*definition)(call);
  } catch (const ShapeError& error) {
    throw ShapeError(fmt::format("{}: {}: {}", file_, described(call.node()), error.what()));
  } catch (const DTypeError& error) {
    throw DTypeError(fmt::format("{}: {}: {}", file_, described(call.node()), error.what()));
  } catch (const ValueError& error) {
    throw ValueError(fmt::format("{}: {}: {}", file_, described(call.node()), error.what()));
  } catch (const MemoryError& error) {
    throw MemoryError(fmt::format("{}: {}: {}", file_, described(call.node()), error.what()));
  } catch (const TraceError& error) {
    throw TraceError(fmt::format("{}: {}: {}", file_, described(call.node()), error.what()));
  }
}

// Once for each: bodies of loops are read again and again.
Value Importer::read(const TensorData& data) {
  if (data.raw.empty()) return read_anew(data);
  const auto [found, is_new] = read_.try_emplace(data.raw.data());
  if (is_new) found->second = read_anew(data);
  return found->second;
}

Value Importer::read_anew(const TensorData& data) {
  const std::string what = fmt::format("tensor '{}'", data.name);
  if (data.type == DataType::string) {
    std::vector<std::int64_t> codes;
    for (const std::string& text : data.strings) codes.push_back(code_of(text));
    Value value;
    detail::computed_now([&] {
      value = constant(tensor_of_elements(data, DType::i64, codes, file_));
      return Tensors();
    });
    value.is_text = true;
    return value;
  }
  const DType dtype = dtype_of(data.type, what);
  Value value;
  detail::computed_now([&] {
    Tensor tensor = read_tensor(data, dtype, file_);
    // Exporters of f64 models write numbers of their programs as they are in f32.
    if (dtype == DType::f64 && tensor.size() == 1 && !model_.producer.starts_with(kOwnDomain))
      tensor = full(tensor.shape(), widened_scalar(tensor.data<double>()[0]), DType::f64);
    value = constant(std::move(tensor));
    return Tensors();
  });
  kept_.push_back(value.tensor);
  return value;
}

Tensor Importer::named(Tensor tensor, const std::string& name) {
  const bool weights = tensor.dtype() == DType::f32 || tensor.dtype() == DType::f64;
  if (name.empty() || !weights || tensor.size() < 2) return tensor;
  const void* const identity = detail::identity_of(tensor);
  if (names_.contains(identity)) return tensor;
  kept_.push_back(tensor);
  // Another layout of weights that have the name, or others in a graph of their own, go without.
  if (taken_.insert(name).second) names_.emplace(identity, name);
  return tensor;
}

Tensors Importer::all_now(const std::function<Tensors()>& function) {
  Tensors made = detail::computed_now(function, &folding_left_);
  kept_.insert(kept_.end(), made.begin(), made.end());
  return made;
}

Tensor Importer::now(const std::function<Tensor()>& function) {
  return all_now([&] { return Tensors{function()}; }).front();
}

Tensor Importer::reshaped(const Value& value, const Shape& shape) {
  return named(now([&] { return reshape(value.tensor, shape); }), value.name);
}

Tensor Importer::transposed(const Value& weight) {
  Tensor& made = transposed_[detail::identity_of(weight.tensor)];
  if (!made.defined()) {
    kept_.push_back(weight.tensor);  // so that no other takes its place
    made = named(
        detail::computed_now([&] { return Tensors{transpose(weight.tensor).copy()}; }).front(),
        weight.name);
    kept_.push_back(made);
  }
  return made;
}

}  // namespace mlpjit::onnx
