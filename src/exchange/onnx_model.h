#pragma once
// An ONNX model as its file has it: the messages of onnx.proto that mean something to a network, as
// plain structs. Names, field numbers and enumerators are the format's
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mlpjit::onnx {

// TensorProto.DataType, those that a model of this kind may name.
enum class DataType : std::int32_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  bf16 = 16,
};
// Integers of 8 and 16 bits.
inline bool is_small(DataType type) {
  return type == DataType::u8 || type == DataType::i8 || type == DataType::u16 ||
         type == DataType::i16;
}
// "float32", as NumPy calls it; "type 23" of one that is not listed.
std::string to_string(DataType type);

struct TensorData {
  std::string name;
  DataType type = DataType::undefined;
  std::vector<std::int64_t> dims;
  // The elements, little-endian, one after the other: in the file's bytes, or in `own`.
  std::string_view raw;
  std::string own;
  std::vector<std::string> strings;             // of a tensor of strings
  std::map<std::string, std::string> external;  // keys location, offset, length, where it is
  bool is_external = false;
};

// One size of a value: a number, a name, or neither.
struct Dimension {
  std::int64_t size = -1;
  std::string name;
};

struct ValueInfo {
  std::string name;
  enum class Kind : std::uint8_t { none, tensor, sequence, map, optional, other };
  Kind kind = Kind::none;
  DataType type = DataType::undefined;
  bool has_shape = false;
  std::vector<Dimension> shape;
};

struct Graph;

struct Attribute {
  enum class Type : std::int32_t {
    undefined = 0,
    f = 1,
    i = 2,
    s = 3,
    tensor = 4,
    graph = 5,
    floats = 6,
    ints = 7,
    strings = 8,
    tensors = 9,
    graphs = 10,
  };
  std::string name;
  std::string refers_to;  // in a function: the attribute of the call that it stands for
  Type type = Type::undefined;
  float f = 0;
  std::int64_t i = 0;
  std::string s;
  std::shared_ptr<const TensorData> tensor;
  std::shared_ptr<const Graph> graph;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;
};

struct Node {
  std::string name, op, domain, overload;
  std::vector<std::string> inputs, outputs;  // "" where an optional one is left out
  std::vector<Attribute> attributes;
  const Attribute* find(std::string_view name) const;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<TensorData> initializers;
  std::vector<ValueInfo> inputs, outputs;
};

struct Function {
  std::string name, domain, overload;
  std::vector<std::string> inputs, outputs;
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
  std::map<std::string, std::int64_t> opsets;
};

struct Model {
  std::int64_t ir_version = 0;
  std::string producer;  // name and version
  std::map<std::string, std::int64_t> opsets;
  std::map<std::string, std::string> metadata;
  Graph graph;
  std::vector<Function> functions;
  // What the file holds beside: fields that a later version of the format added, by message and
  // number. Documentation and notes for devices are not among them.
  std::vector<std::string> unknown_fields;
};

// The domain of ops of ours.
inline constexpr std::string_view kOwnDomain = "mlpjit";
// Keys of metadata, of lists with a line for each entry.
inline constexpr const char* kClasses = "mlpjit.classes";
inline constexpr const char* kStrings = "mlpjit.strings";
inline constexpr const char* kCoded = "mlpjit.coded";

// The domain of ONNX's own ops is "" and "ai.onnx".
std::string_view normal_domain(std::string_view domain);

}  // namespace mlpjit::onnx
