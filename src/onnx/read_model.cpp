#include "src/onnx/read_model.h"

#include <fmt/format.h>

#include <bit>
#include <concepts>
#include <cstring>
#include <protozero/pbf_reader.hpp>
#include <type_traits>

#include "mlpjit/error.h"

namespace mlpjit::onnx {
namespace {

using Reader = protozero::pbf_reader;
using Wire = protozero::pbf_wire_type;

constexpr int kDeepest = 64;

[[noreturn]] void fail(const std::string& what) {
  throw FormatError(what);
}

void expect(const Reader& reader, Wire wire, const char* message) {
  if (!reader.has_wire_type(wire)) {
    fail(fmt::format("{}, field {}: of another type than the format says", message,
                     static_cast<int>(reader.tag())));
  }
}

std::string text(Reader& reader, const char* message) {
  expect(reader, Wire::length_delimited, message);
  return std::string(reader.get_view());
}
Reader nested(Reader& reader, const char* message) {
  expect(reader, Wire::length_delimited, message);
  return reader.get_message();
}
std::int64_t integer(Reader& reader, const char* message) {
  expect(reader, Wire::varint, message);
  return reader.get_int64();
}
std::int32_t small(Reader& reader, const char* message) {
  expect(reader, Wire::varint, message);
  return reader.get_int32();
}

// A repeated number: packed in one field, or each in a field of its own.
template <class T>
void numbers(Reader& reader, std::vector<T>& to, const char* message) {
  if constexpr (std::floating_point<T>) {
    constexpr Wire kOne = sizeof(T) == 4 ? Wire::fixed32 : Wire::fixed64;
    if (reader.has_wire_type(Wire::length_delimited)) {
      const protozero::data_view view = reader.get_view();
      if (view.size() % sizeof(T) != 0) fail(fmt::format("{}: a number is cut off", message));
      const std::size_t before = to.size();
      to.resize(before + view.size() / sizeof(T));
      if (!view.empty()) std::memcpy(to.data() + before, view.data(), view.size());
      return;
    }
    expect(reader, kOne, message);
    if constexpr (sizeof(T) == 4) {
      to.push_back(reader.get_float());
    } else {
      to.push_back(reader.get_double());
    }
  } else {
    if (reader.has_wire_type(Wire::length_delimited)) {
      for (const std::int64_t value : reader.get_packed_int64())
        to.push_back(static_cast<T>(value));
      return;
    }
    expect(reader, Wire::varint, message);
    to.push_back(static_cast<T>(reader.get_int64()));
  }
}

template <class To, class From>
void append_as(const std::vector<From>& values, std::string& bytes) {
  static_assert(std::endian::native == std::endian::little);
  bytes.resize(values.size() * sizeof(To));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<To>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(To), &value, sizeof(To));
  }
}

class ModelReader {
 public:
  void model(Reader reader, Model& to);
  TensorData tensor(Reader reader);

 private:
  Dimension dimension(Reader reader);
  void shape(Reader reader, ValueInfo& to);
  void tensor_type(Reader reader, ValueInfo& to);
  void type(Reader reader, ValueInfo& to);
  ValueInfo value(Reader reader);
  Attribute attribute(Reader reader);
  Node node(Reader reader);
  Graph graph(Reader reader);
  Function function(Reader reader);
  void entry(Reader reader, std::map<std::string, std::string>& to);
  void opset(Reader reader, std::map<std::string, std::int64_t>& to);
  void unknown(Reader& reader, const char* message) {
    if (unknown_.size() < 16)
      unknown_.push_back(fmt::format("{} field {}", message, static_cast<int>(reader.tag())));
    reader.skip();
  }

  int depth_ = 0;
  std::vector<std::string> unknown_;
};

void ModelReader::entry(Reader reader, std::map<std::string, std::string>& to) {
  std::string key, value;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: key = text(reader, "StringStringEntryProto"); break;
      case 2: value = text(reader, "StringStringEntryProto"); break;
      default: unknown(reader, "StringStringEntryProto");
    }
  }
  to[key] = value;
}

void ModelReader::opset(Reader reader, std::map<std::string, std::int64_t>& to) {
  std::string domain;
  std::int64_t version = 0;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: domain = text(reader, "OperatorSetIdProto"); break;
      case 2: version = integer(reader, "OperatorSetIdProto"); break;
      default: unknown(reader, "OperatorSetIdProto");
    }
  }
  to[std::string(normal_domain(domain))] = version;
}

// The typed fields hold elements of several types: they become the bytes that raw_data would be.
void pack_elements(TensorData& to, const std::vector<float>& floats,
                   const std::vector<std::int32_t>& ints, const std::vector<std::int64_t>& longs,
                   const std::vector<double>& doubles) {
  switch (to.type) {
    case DataType::f32: append_as<float>(floats, to.own); break;
    case DataType::f64: append_as<double>(doubles, to.own); break;
    case DataType::i64: append_as<std::int64_t>(longs, to.own); break;
    case DataType::u32: append_as<std::uint32_t>(longs, to.own); break;
    case DataType::u64: append_as<std::uint64_t>(longs, to.own); break;
    case DataType::i32: append_as<std::int32_t>(ints, to.own); break;
    case DataType::u16:
    case DataType::i16:
    case DataType::f16:
    case DataType::bf16: append_as<std::uint16_t>(ints, to.own); break;
    case DataType::u8:
    case DataType::i8:
    case DataType::boolean: append_as<std::uint8_t>(ints, to.own); break;
    default: break;  // refused where it is used
  }
}

TensorData ModelReader::tensor(Reader reader) {
  constexpr const char* kMessage = "TensorProto";
  TensorData to;
  std::vector<float> floats;
  std::vector<std::int32_t> ints;
  std::vector<std::int64_t> longs;
  std::vector<double> doubles;
  bool raw = false;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: numbers(reader, to.dims, kMessage); break;
      case 2: to.type = static_cast<DataType>(small(reader, kMessage)); break;
      case 4: numbers(reader, floats, kMessage); break;
      case 5: numbers(reader, ints, kMessage); break;
      case 6: to.strings.push_back(text(reader, kMessage)); break;
      case 7:
      case 11: numbers(reader, longs, kMessage); break;
      case 8: to.name = text(reader, kMessage); break;
      case 9: {
        expect(reader, Wire::length_delimited, kMessage);
        const protozero::data_view view = reader.get_view();
        to.raw = {view.data(), view.size()};
        raw = true;
        break;
      }
      case 10: numbers(reader, doubles, kMessage); break;
      case 13: entry(nested(reader, kMessage), to.external); break;
      case 14: to.is_external = small(reader, kMessage) == 1; break;
      case 12:
      case 16: reader.skip(); break;  // documentation and metadata
      default: unknown(reader, kMessage);
    }
  }
  if (!raw) pack_elements(to, floats, ints, longs, doubles);
  return to;
}

Dimension ModelReader::dimension(Reader reader) {
  Dimension to;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.size = integer(reader, "Dimension"); break;
      case 2: to.name = text(reader, "Dimension"); break;
      case 3: reader.skip(); break;  // denotation
      default: unknown(reader, "Dimension");
    }
  }
  return to;
}

void ModelReader::shape(Reader reader, ValueInfo& to) {
  to.has_shape = true;
  while (reader.next()) {
    if (reader.tag() == 1) {
      to.shape.push_back(dimension(nested(reader, "TensorShapeProto")));
    } else {
      unknown(reader, "TensorShapeProto");
    }
  }
}

void ModelReader::tensor_type(Reader reader, ValueInfo& to) {
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.type = static_cast<DataType>(small(reader, "TypeProto.Tensor")); break;
      case 2: shape(nested(reader, "TypeProto.Tensor"), to); break;
      default: unknown(reader, "TypeProto.Tensor");
    }
  }
}

void ModelReader::type(Reader reader, ValueInfo& to) {
  using Kind = ValueInfo::Kind;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        to.kind = Kind::tensor;
        tensor_type(nested(reader, "TypeProto"), to);
        continue;
      case 4: to.kind = Kind::sequence; break;
      case 5: to.kind = Kind::map; break;
      case 9: to.kind = Kind::optional; break;
      case 6: break;  // denotation
      default: to.kind = Kind::other;
    }
    reader.skip();
  }
}

ValueInfo ModelReader::value(Reader reader) {
  ValueInfo to;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.name = text(reader, "ValueInfoProto"); break;
      case 2: type(nested(reader, "ValueInfoProto"), to); break;
      case 3:
      case 4: reader.skip(); break;
      default: unknown(reader, "ValueInfoProto");
    }
  }
  return to;
}

Attribute ModelReader::attribute(Reader reader) {
  constexpr const char* kMessage = "AttributeProto";
  Attribute to;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.name = text(reader, kMessage); break;
      case 2:
        expect(reader, Wire::fixed32, kMessage);
        to.f = reader.get_float();
        break;
      case 3: to.i = integer(reader, kMessage); break;
      case 4: to.s = text(reader, kMessage); break;
      case 5: to.tensor = std::make_shared<TensorData>(tensor(nested(reader, kMessage))); break;
      case 6: to.graph = std::make_shared<Graph>(graph(nested(reader, kMessage))); break;
      case 7: numbers(reader, to.floats, kMessage); break;
      case 8: numbers(reader, to.ints, kMessage); break;
      case 9: to.strings.push_back(text(reader, kMessage)); break;
      case 20: to.type = static_cast<Attribute::Type>(small(reader, kMessage)); break;
      case 21: to.refers_to = text(reader, kMessage); break;
      // Lists of tensors and graphs, sparse tensors, types: no op that is read takes them.
      case 10:
      case 11:
      case 13:
      case 14:
      case 15:
      case 22:
      case 23: reader.skip(); break;
      default: unknown(reader, kMessage);
    }
  }
  return to;
}

Node ModelReader::node(Reader reader) {
  constexpr const char* kMessage = "NodeProto";
  Node to;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.inputs.push_back(text(reader, kMessage)); break;
      case 2: to.outputs.push_back(text(reader, kMessage)); break;
      case 3: to.name = text(reader, kMessage); break;
      case 4: to.op = text(reader, kMessage); break;
      case 5: to.attributes.push_back(attribute(nested(reader, kMessage))); break;
      case 7: to.domain = normal_domain(text(reader, kMessage)); break;
      case 8: to.overload = text(reader, kMessage); break;
      case 6:
      case 9:
      case 10: reader.skip(); break;  // documentation, metadata, devices
      default: unknown(reader, kMessage);
    }
  }
  return to;
}

Graph ModelReader::graph(Reader reader) {
  constexpr const char* kMessage = "GraphProto";
  if (++depth_ > kDeepest) fail(fmt::format("graphs are nested deeper than {}", kDeepest));
  Graph to;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.nodes.push_back(node(nested(reader, kMessage))); break;
      case 2: to.name = text(reader, kMessage); break;
      case 5: to.initializers.push_back(tensor(nested(reader, kMessage))); break;
      case 11: to.inputs.push_back(value(nested(reader, kMessage))); break;
      case 12: to.outputs.push_back(value(nested(reader, kMessage))); break;
      case 15: fail("the graph has sparse initializers, which are not read");
      case 10:
      case 13:
      case 14:
      case 16: reader.skip(); break;  // documentation, types between, annotations, metadata
      default: unknown(reader, kMessage);
    }
  }
  --depth_;
  return to;
}

Function ModelReader::function(Reader reader) {
  constexpr const char* kMessage = "FunctionProto";
  Function to;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.name = text(reader, kMessage); break;
      case 4: to.inputs.push_back(text(reader, kMessage)); break;
      case 5: to.outputs.push_back(text(reader, kMessage)); break;
      case 7: to.nodes.push_back(node(nested(reader, kMessage))); break;
      case 9: opset(nested(reader, kMessage), to.opsets); break;
      case 10: to.domain = normal_domain(text(reader, kMessage)); break;
      case 11: to.defaults.push_back(attribute(nested(reader, kMessage))); break;
      case 13: to.overload = text(reader, kMessage); break;
      case 6:
      case 8:
      case 12:
      case 14: reader.skip(); break;  // names of attributes, documentation, types, metadata
      default: unknown(reader, kMessage);
    }
  }
  return to;
}

void ModelReader::model(Reader reader, Model& to) {
  constexpr const char* kMessage = "ModelProto";
  bool graph_seen = false;
  std::string version;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: to.ir_version = integer(reader, kMessage); break;
      case 2: to.producer = text(reader, kMessage); break;
      case 3: version = text(reader, kMessage); break;
      case 7:
        if (graph_seen) fail("a second graph");
        graph_seen = true;
        to.graph = graph(nested(reader, kMessage));
        break;
      case 8: opset(nested(reader, kMessage), to.opsets); break;
      case 14: entry(nested(reader, kMessage), to.metadata); break;
      case 25: to.functions.push_back(function(nested(reader, kMessage))); break;
      case 4:
      case 5:
      case 6:
      case 20:
      case 26: reader.skip(); break;  // domain, version, documentation, training, devices
      default: unknown(reader, kMessage);
    }
  }
  if (!graph_seen || to.opsets.empty()) fail("it has no graph, or no opset: not an ONNX model");
  if (!version.empty()) to.producer += " " + version;
  to.unknown_fields = std::move(unknown_);
}

}  // namespace

std::string_view normal_domain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

const Attribute* Node::find(std::string_view name) const {
  for (const Attribute& attribute : attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

std::string to_string(DataType type) {
  switch (type) {
    case DataType::f32: return "float32";
    case DataType::u8: return "uint8";
    case DataType::i8: return "int8";
    case DataType::u16: return "uint16";
    case DataType::i16: return "int16";
    case DataType::i32: return "int32";
    case DataType::i64: return "int64";
    case DataType::string: return "string";
    case DataType::boolean: return "bool";
    case DataType::f16: return "float16";
    case DataType::f64: return "float64";
    case DataType::u32: return "uint32";
    case DataType::u64: return "uint64";
    case DataType::bf16: return "bfloat16";
    case DataType::undefined: return "undefined";
  }
  return fmt::format("type {}", static_cast<int>(type));
}

namespace {

// What `read` makes of the bytes; its errors name the source.
template <class Read>
auto read_from(std::string_view bytes, const std::string& source, Read read) {
  try {
    return read(Reader(bytes.data(), bytes.size()));
  } catch (const protozero::exception& error) {
    throw FormatError(fmt::format("{}: not an ONNX file, or cut off: {}", source, error.what()));
  } catch (const FormatError& error) {
    throw FormatError(fmt::format("{}: {}", source, error.what()));
  }
}

}  // namespace

Model read_model(std::string_view bytes, const std::string& source) {
  return read_from(bytes, source, [](Reader reader) {
    Model model;
    ModelReader().model(reader, model);
    return model;
  });
}

TensorData read_tensor_message(std::string_view bytes, const std::string& source) {
  return read_from(bytes, source, [](Reader reader) { return ModelReader().tensor(reader); });
}

}  // namespace mlpjit::onnx
