#pragma once
// NAME-symbol.json as records, each described once for writing and reading; docs/formats.md is the
// schema in words. A member given to `optional` is left out when it is empty.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/model/json_archive.h"

namespace mlpjit::detail {

inline constexpr const char* kSymbolFormat = "mlpjit-symbol";
// Version 2 has `strings` and `coded`, version 3 `checks`; a file is written as the first version
// that has all it needs.
inline constexpr int kSymbolSchemaVersion = 3;

// A value with its type: one of several results, an argument of a region. `shape` is an array of
// sizes.
struct ValueRecord {
  using is_record = void;
  Place place;
  std::string name;
  std::string dtype;  // "f32", ..., or "token"
  std::optional<Json> shape;
};
template <class Archive>
void serialize(Archive& archive, ValueRecord& value) {
  archive(value.place, cereal::make_nvp("name", value.name), optional("dtype", value.dtype),
          optional("shape", value.shape));
}

struct InputRecord {
  using is_record = void;
  Place place;
  std::string name;
  std::string kind;                  // "": argument
  std::string path;                  // parameter, capture: the tensor's name in the parameter file
  std::vector<std::string> aliases;  // parameter: further paths
  std::string dtype;
  std::optional<Json> shape;
};
template <class Archive>
void serialize(Archive& archive, InputRecord& input) {
  archive(input.place, cereal::make_nvp("name", input.name), optional("kind", input.kind),
          optional("path", input.path), optional("aliases", input.aliases),
          optional("dtype", input.dtype), optional("shape", input.shape));
}

struct NodeRecord;

struct RegionRecord {
  using is_record = void;
  Place place;
  std::vector<ValueRecord> arguments;
  std::vector<NodeRecord> nodes;
  std::vector<std::string> results;
};

// One op. With one result the node has its name and type; else `results` lists them.
struct NodeRecord {
  using is_record = void;
  Place place;
  std::string op;
  std::string name;
  std::vector<std::string> inputs;
  std::optional<Json> attributes;
  std::vector<RegionRecord> regions;
  std::string dtype;
  std::optional<Json> shape;
  std::optional<std::vector<ValueRecord>> results;
  std::string layer;
};
template <class Archive>
void serialize(Archive& archive, RegionRecord& region) {
  archive(region.place, optional("arguments", region.arguments),
          cereal::make_nvp("nodes", region.nodes), optional("results", region.results));
}
template <class Archive>
void serialize(Archive& archive, NodeRecord& node) {
  archive(node.place, cereal::make_nvp("op", node.op), optional("name", node.name),
          optional("inputs", node.inputs), optional("attributes", node.attributes),
          optional("regions", node.regions), optional("dtype", node.dtype),
          optional("shape", node.shape), optional("results", node.results),
          optional("layer", node.layer));
}

struct FunctionRecord {
  using is_record = void;
  Place place;
  std::string name;
  std::vector<InputRecord> inputs;
  std::vector<NodeRecord> nodes;
  std::vector<std::string> results;
};
template <class Archive>
void serialize(Archive& archive, FunctionRecord& function) {
  archive(function.place, cereal::make_nvp("name", function.name),
          optional("inputs", function.inputs), cereal::make_nvp("nodes", function.nodes),
          optional("results", function.results));
}

// A result of the program.
struct HeadRecord {
  using is_record = void;
  Place place;
  std::string name;
  std::string value;
  std::string dtype;
  std::optional<Json> shape;
};
template <class Archive>
void serialize(Archive& archive, HeadRecord& head) {
  archive(head.place, cereal::make_nvp("name", head.name), cereal::make_nvp("value", head.value),
          optional("dtype", head.dtype), optional("shape", head.shape));
}

struct UpdateRecord {
  using is_record = void;
  Place place;
  std::string input;
  std::string value;
};
template <class Archive>
void serialize(Archive& archive, UpdateRecord& update) {
  archive(update.place, cereal::make_nvp("input", update.input),
          cereal::make_nvp("value", update.value));
}

// A constant: its elements in row-major order, or the name of its tensor in the parameter file.
struct LiteralRecord {
  using is_record = void;
  Place place;
  std::string dtype;
  Json shape;
  std::optional<Json> data;
  std::string tensor;
};
template <class Archive>
void serialize(Archive& archive, LiteralRecord& literal) {
  archive(literal.place, cereal::make_nvp("dtype", literal.dtype),
          cereal::make_nvp("shape", literal.shape), optional("data", literal.data),
          optional("tensor", literal.tensor));
}

// A value of the program in a check: its elements, or their hash and norm.
struct CheckedValueRecord {
  using is_record = void;
  Place place;
  std::string value;
  std::optional<Json> elements;  // a literal
  std::string hash;              // 16 hexadecimal digits
  std::optional<Json> norm;
};
template <class Archive>
void serialize(Archive& archive, CheckedValueRecord& value) {
  archive(value.place, cereal::make_nvp("value", value.value), optional("elements", value.elements),
          optional("hash", value.hash), optional("norm", value.norm));
}

struct CheckRecord {
  using is_record = void;
  Place place;
  std::vector<Json> inputs;  // literals
  std::vector<CheckedValueRecord> values;
};
template <class Archive>
void serialize(Archive& archive, CheckRecord& check) {
  archive(check.place, cereal::make_nvp("inputs", check.inputs),
          cereal::make_nvp("values", check.values));
}

// The file. `inputs`, `nodes`, `heads` and `updates` are the entry of the program, @main.
struct SymbolRecord {
  using is_record = void;
  Place place;
  std::string format;
  int schema_version = 0;
  int numerics_version = 0;
  std::string mlpjit_version;
  bool training = false;
  std::vector<InputRecord> inputs;
  std::vector<NodeRecord> nodes;
  std::vector<HeadRecord> heads;
  std::vector<UpdateRecord> updates;
  std::vector<FunctionRecord> functions;
  std::vector<std::string> classes;
  std::vector<std::string> strings;  // what the codes in these inputs and heads stand for
  std::vector<std::string> coded;
  std::map<std::string, std::string> metadata;
  std::vector<CheckRecord> checks;
};
template <class Archive>
void serialize(Archive& archive, SymbolRecord& symbol) {
  archive(symbol.place, cereal::make_nvp("format", symbol.format),
          cereal::make_nvp("schema_version", symbol.schema_version),
          cereal::make_nvp("numerics_version", symbol.numerics_version),
          optional("mlpjit_version", symbol.mlpjit_version), optional("training", symbol.training),
          optional("metadata", symbol.metadata), optional("classes", symbol.classes),
          optional("strings", symbol.strings), optional("coded", symbol.coded),
          optional("inputs", symbol.inputs), cereal::make_nvp("nodes", symbol.nodes),
          cereal::make_nvp("heads", symbol.heads), optional("updates", symbol.updates),
          optional("functions", symbol.functions), optional("checks", symbol.checks));
}

}  // namespace mlpjit::detail
