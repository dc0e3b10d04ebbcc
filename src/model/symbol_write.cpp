// Graph to records to text.

#include <fmt/format.h>

#include "lib/ir/text.h"
#include "mlpjit/error.h"
#include "mlpjit/version.h"
#include "src/model/symbol_checks.h"
#include "src/model/symbol_file.h"
#include "src/model/symbol_record.h"

namespace mlpjit::detail {
namespace {

std::string dtype_name(const ir::Type& type) {
  return type.token ? "token" : std::string(to_string(type.dtype));
}

// Numbers of symbolic sizes come from the user; only those that read back are written.
std::optional<Json> shape_of(const ir::Type& type) {
  if (type.token) return std::nullopt;
  for (int i = 0; i < type.shape.rank(); ++i) {
    const Dim dim = type.shape[i];
    if (dim.is_static()) continue;
    bool readable = false;
    try {
      readable = identical(ir::parse_dim(to_string(dim)), dim);
    } catch (const FormatError&) {  // said below
    }
    if (!readable) {
      throw UserError(fmt::format(
          "a symbol file cannot hold the size {}: its numbers are too large", to_string(dim)));
    }
  }
  return shape_to_json(type.shape);
}

class FunctionWriter {
 public:
  FunctionWriter(const ir::Function& function, WrittenConstants& constants)
      : function_(function), constants_(constants) {}

  std::vector<InputRecord> inputs(const SymbolFile* symbol) const {
    std::vector<InputRecord> records;
    for (std::size_t i = 0; i < function_.inputs().size(); ++i) {
      const ir::Input& input = function_.inputs()[i];
      const ir::Value& value = function_.value(function_.body().arguments[i]);
      InputRecord record;
      record.name = value.name;
      if (input.kind != ir::InputKind::argument) record.kind = ir::to_string(input.kind);
      const bool bound =
          input.kind == ir::InputKind::parameter || input.kind == ir::InputKind::capture;
      if (bound && input.name != value.name) record.path = input.name;
      if (symbol != nullptr && input.kind == ir::InputKind::parameter) {
        if (const auto found = symbol->aliases.find(input.name); found != symbol->aliases.end())
          record.aliases = found->second;
      }
      record.dtype = dtype_name(value.type);
      record.shape = shape_of(value.type);
      records.push_back(std::move(record));
    }
    return records;
  }

  std::vector<NodeRecord> nodes(ir::RegionId region) const {
    std::vector<NodeRecord> records;
    for (const ir::OpId op : function_.region(region).ops)
      records.push_back(node(function_.op(op)));
    return records;
  }

  std::vector<std::string> names(const std::vector<ir::ValueId>& values) const {
    std::vector<std::string> names;
    for (const ir::ValueId value : values) names.push_back(function_.value(value).name);
    return names;
  }

  ValueRecord value(ir::ValueId id) const {
    const ir::Value& value = function_.value(id);
    ValueRecord record;
    record.name = value.name;
    record.dtype = dtype_name(value.type);
    record.shape = shape_of(value.type);
    return record;
  }

 private:
  NodeRecord node(const ir::Op& op) const {
    NodeRecord record;
    record.op = ir::to_string(op.opcode);
    record.inputs = names(op.operands);
    if (!op.attrs.empty()) {
      Json::Object attributes;
      for (const auto& [name, value] : op.attrs)
        attributes.push_back({name, attr_to_json(value, constants_), 0});
      record.attributes = Json{std::move(attributes), 0};
    }
    for (const ir::RegionId id : op.regions) {
      const ir::Region& region = function_.region(id);
      RegionRecord nested;
      for (const ir::ValueId argument : region.arguments)
        nested.arguments.push_back(value(argument));
      nested.nodes = nodes(id);
      nested.results = names(region.results);
      record.regions.push_back(std::move(nested));
    }
    if (op.results.size() == 1) {
      ValueRecord only = value(op.results.front());
      record.name = std::move(only.name);
      record.dtype = std::move(only.dtype);
      record.shape = std::move(only.shape);
    } else {
      record.results.emplace();
      for (const ir::ValueId result : op.results) record.results->push_back(value(result));
    }
    record.layer = op.path;
    return record;
  }

  const ir::Function& function_;
  WrittenConstants& constants_;
};

// The first version that has all that the file holds.
int schema_version_of(const SymbolFile& symbol) {
  if (!symbol.checks.empty()) return 3;
  return symbol.strings.empty() && symbol.coded.empty() ? 1 : 2;
}

}  // namespace

std::string write_symbol(const SymbolFile& symbol, WrittenConstants& constants) {
  const ir::Function& main = symbol.graph->main();
  const FunctionWriter writer(main, constants);
  SymbolRecord record;
  record.format = kSymbolFormat;
  record.schema_version = schema_version_of(symbol);
  record.numerics_version = kNumericsVersion;
  record.mlpjit_version = version();
  record.training = symbol.training;
  record.metadata = symbol.metadata;
  record.classes = symbol.classes;
  record.strings = symbol.strings;
  record.coded = symbol.coded;
  record.inputs = writer.inputs(&symbol);
  record.nodes = writer.nodes(ir::Function::kBody);
  for (std::size_t i = 0; i < symbol.head_names.size(); ++i) {
    ValueRecord value = writer.value(main.body().results[i]);
    record.heads.push_back({{},
                            symbol.head_names[i],
                            std::move(value.name),
                            std::move(value.dtype),
                            std::move(value.shape)});
  }
  for (const ir::Update& update : main.updates()) {
    record.updates.push_back(
        {{}, main.value(main.body().arguments[update.input]).name, main.value(update.value).name});
  }
  for (const auto& function : symbol.graph->functions()) {
    if (function.get() == &main) continue;
    const FunctionWriter other(*function, constants);
    record.functions.push_back({{},
                                function->name(),
                                other.inputs(nullptr),
                                other.nodes(ir::Function::kBody),
                                other.names(function->body().results)});
  }
  constants.set_kind("check");
  for (const Check& check : symbol.checks)
    record.checks.push_back(check_to_record(check, main, constants));
  JsonWriter archive;
  archive(record);
  return to_text(archive.take());
}

}  // namespace mlpjit::detail
