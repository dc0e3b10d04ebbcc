#include "src/onnx/write_model.h"

#include <protozero/pbf_writer.hpp>

namespace mlpjit::onnx {
namespace {

using Writer = protozero::pbf_writer;

// A message within another: its bytes are made by `fill`.
template <class Fill>
void nested(Writer& to, protozero::pbf_tag_type tag, Fill fill) {
  Writer inner(to, tag);
  fill(inner);
}

void strings(Writer& to, protozero::pbf_tag_type tag, const std::vector<std::string>& values) {
  for (const std::string& value : values) to.add_string(tag, value);
}

void entries(Writer& to, protozero::pbf_tag_type tag,
             const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    nested(to, tag, [&, &key = key, &value = value](Writer& entry) {
      entry.add_string(1, key);
      entry.add_string(2, value);
    });
  }
}

void opsets(Writer& to, protozero::pbf_tag_type tag,
            const std::map<std::string, std::int64_t>& values) {
  for (const auto& [domain, version] : values) {
    nested(to, tag, [&, &domain = domain, version = version](Writer& opset) {
      opset.add_string(1, domain);
      opset.add_int64(2, version);
    });
  }
}

void write_tensor(Writer& to, const TensorData& tensor) {
  to.add_packed_int64(1, tensor.dims.begin(), tensor.dims.end());
  to.add_int32(2, static_cast<std::int32_t>(tensor.type));
  if (!tensor.name.empty()) to.add_string(8, tensor.name);
  if (tensor.is_external) {
    entries(to, 13, tensor.external);
    to.add_int32(14, 1);
  } else if (tensor.type == DataType::string) {
    for (const std::string& text : tensor.strings) to.add_bytes(6, text);
  } else {
    const std::string_view bytes = tensor.raw.data() != nullptr ? tensor.raw : tensor.own;
    to.add_bytes(9, bytes.data(), bytes.size());
  }
}

void write_value(Writer& to, const ValueInfo& value) {
  to.add_string(1, value.name);
  nested(to, 2, [&](Writer& type) {
    nested(type, 1, [&](Writer& tensor) {
      tensor.add_int32(1, static_cast<std::int32_t>(value.type));
      // Of no axes it is empty, and there all the same.
      if (value.shape.empty()) return tensor.add_message(2, "", 0);
      nested(tensor, 2, [&](Writer& shape) {
        for (const Dimension& size : value.shape) {
          nested(shape, 1, [&](Writer& dimension) {
            if (size.name.empty()) {
              dimension.add_int64(1, size.size);
            } else {
              dimension.add_string(2, size.name);
            }
          });
        }
      });
    });
  });
}

void write_graph(Writer& to, const Graph& graph);

void write_attribute(Writer& to, const Attribute& attribute) {
  using Type = Attribute::Type;
  to.add_string(1, attribute.name);
  switch (attribute.type) {
    case Type::f: to.add_float(2, attribute.f); break;
    case Type::i: to.add_int64(3, attribute.i); break;
    case Type::s: to.add_bytes(4, attribute.s); break;
    case Type::tensor:
      nested(to, 5, [&](Writer& inner) { write_tensor(inner, *attribute.tensor); });
      break;
    case Type::graph:
      nested(to, 6, [&](Writer& inner) { write_graph(inner, *attribute.graph); });
      break;
    case Type::floats:
      for (const float value : attribute.floats) to.add_float(7, value);
      break;
    case Type::ints:
      for (const std::int64_t value : attribute.ints) to.add_int64(8, value);
      break;
    case Type::strings: strings(to, 9, attribute.strings); break;
    default: break;
  }
  to.add_int32(20, static_cast<std::int32_t>(attribute.type));
}

void write_node(Writer& to, const Node& node) {
  strings(to, 1, node.inputs);
  strings(to, 2, node.outputs);
  if (!node.name.empty()) to.add_string(3, node.name);
  to.add_string(4, node.op);
  for (const Attribute& attribute : node.attributes)
    nested(to, 5, [&](Writer& inner) { write_attribute(inner, attribute); });
  if (!node.domain.empty()) to.add_string(7, node.domain);
  if (!node.overload.empty()) to.add_string(8, node.overload);
}

void write_graph(Writer& to, const Graph& graph) {
  for (const Node& node : graph.nodes)
    nested(to, 1, [&](Writer& inner) { write_node(inner, node); });
  to.add_string(2, graph.name);
  for (const TensorData& tensor : graph.initializers)
    nested(to, 5, [&](Writer& inner) { write_tensor(inner, tensor); });
  for (const ValueInfo& value : graph.inputs)
    nested(to, 11, [&](Writer& inner) { write_value(inner, value); });
  for (const ValueInfo& value : graph.outputs)
    nested(to, 12, [&](Writer& inner) { write_value(inner, value); });
}

void write_function(Writer& to, const Function& function) {
  to.add_string(1, function.name);
  strings(to, 4, function.inputs);
  strings(to, 5, function.outputs);
  for (const Attribute& attribute : function.defaults) to.add_string(6, attribute.name);
  for (const Node& node : function.nodes)
    nested(to, 7, [&](Writer& inner) { write_node(inner, node); });
  opsets(to, 9, function.opsets);
  to.add_string(10, function.domain);
  if (!function.overload.empty()) to.add_string(13, function.overload);
}

}  // namespace

std::string write_model(const Model& model) {
  std::string bytes;
  Writer to(bytes);
  to.add_int64(1, model.ir_version);
  to.add_string(2, model.producer);
  nested(to, 7, [&](Writer& graph) { write_graph(graph, model.graph); });
  opsets(to, 8, model.opsets);
  entries(to, 14, model.metadata);
  for (const Function& function : model.functions)
    nested(to, 25, [&](Writer& inner) { write_function(inner, function); });
  return bytes;
}

}  // namespace mlpjit::onnx
