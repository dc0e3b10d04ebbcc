// Text to records to graph. The records become a program as the parser of the IR's text makes it,
// and take its way from there: names, types, the verifier.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "lib/ir/ast.h"
#include "lib/ir/opcodes.h"
#include "lib/support/float_env.h"
#include "mlpjit/error.h"
#include "mlpjit/version.h"
#include "src/core/log.h"
#include "src/model/symbol_checks.h"
#include "src/model/symbol_file.h"
#include "src/model/symbol_record.h"

namespace mlpjit::detail {
namespace {

constexpr std::size_t kMostFunctions = 1024;
constexpr std::size_t kMostInputs = std::size_t{1} << 16;     // of one function
constexpr std::uint64_t kMostNodes = std::uint64_t{1} << 22;  // with calls written out

std::string described(const NodeRecord& node) {
  std::string name = node.name;
  if (node.results && !node.results->empty()) name = node.results->front().name;
  return fmt::format("node '{}' ({})", name, node.op);
}

class ProgramReader {
 public:
  ProgramReader(const JsonText& source, StoredConstants& constants)
      : source_(source), constants_(constants) {}

  ir::ProgramAst read(const SymbolRecord& symbol) const;

 private:
  [[noreturn]] void fail(const Place& place, const std::string& what) const {
    source_.fail(place.at, what);
  }
  ir::Position position(const Place& place) const {
    const auto [line, column] = source_.position(place.at);
    return {line, column};
  }
  ir::NameAst name(const Place& place, const std::string& text) const {
    if (text.empty()) fail(place, "expected a name, found an empty one");
    return {text, position(place)};
  }
  std::vector<ir::NameAst> names(const Place& place, const std::vector<std::string>& texts) const {
    std::vector<ir::NameAst> result;
    for (const std::string& text : texts) result.push_back(name(place, text));
    return result;
  }
  std::optional<ir::Type> type(const SymbolPlace& place, std::uint32_t at, const std::string& dtype,
                               const std::optional<Json>& shape) const;
  ir::InputAst input(const InputRecord& record) const;
  ir::RegionAst region(const RegionRecord& record, int depth) const;
  ir::StatementAst statement(const NodeRecord& record, int depth) const;
  void results(const NodeRecord& record, const SymbolPlace& place, ir::StatementAst& to) const;
  void attributes(const NodeRecord& record, const SymbolPlace& place, ir::StatementAst& to) const;

  const JsonText& source_;
  StoredConstants& constants_;
};

std::optional<ir::Type> ProgramReader::type(const SymbolPlace& place, std::uint32_t at,
                                            const std::string& dtype,
                                            const std::optional<Json>& shape) const {
  if (dtype == "token") {
    if (shape) place.fail(at, "expected no shape of a token");
    return ir::Type::make_token();
  }
  if (dtype.empty() && !shape) return std::nullopt;
  if (dtype.empty() || !shape) place.fail(at, "expected both 'dtype' and 'shape', or neither");
  return ir::Type{dtype_from_name(place, at, dtype), shape_from_json(place, *shape), false};
}

ir::InputAst ProgramReader::input(const InputRecord& record) const {
  const SymbolPlace place{source_, fmt::format("input '{}'", record.name)};
  static constexpr std::pair<const char*, ir::InputKind> kKinds[] = {
      {"", ir::InputKind::argument},           {"argument", ir::InputKind::argument},
      {"parameter", ir::InputKind::parameter}, {"capture", ir::InputKind::capture},
      {"state", ir::InputKind::state},         {"token", ir::InputKind::token}};
  const auto* const kind =
      std::find_if(std::begin(kKinds), std::end(kKinds),
                   [&](const auto& known) { return known.first == record.kind; });
  if (kind == std::end(kKinds)) {
    place.fail(record.place.at, fmt::format("expected one of the kinds argument, parameter, "
                                            "capture, state and token, found '{}'",
                                            record.kind));
  }
  const bool bound =
      kind->second == ir::InputKind::parameter || kind->second == ir::InputKind::capture;
  if (!bound && !record.path.empty()) {
    place.fail(record.place.at, "expected 'path' of a parameter or a capture only");
  }
  if (kind->second != ir::InputKind::parameter && !record.aliases.empty()) {
    place.fail(record.place.at, "expected 'aliases' of a parameter only");
  }
  std::optional<ir::Type> found = type(place, record.place.at, record.dtype, record.shape);
  if (!found) place.fail(record.place.at, "expected 'dtype' and 'shape', found neither");
  if (bound && !found->shape.is_static()) {
    place.fail(record.place.at, fmt::format("expected known sizes of a {}, found {}", record.kind,
                                            ir::to_string(*found)));
  }
  return {{name(record.place, record.name), std::move(found)},
          {kind->second, record.path.empty() ? record.name : record.path}};
}

void ProgramReader::results(const NodeRecord& record, const SymbolPlace& place,
                            ir::StatementAst& to) const {
  const std::uint32_t at = record.place.at;
  const bool plain = !record.name.empty() || !record.dtype.empty() || record.shape.has_value();
  if (plain && record.results) {
    place.fail(at,
               "expected 'name', 'dtype' and 'shape' of the one result, or 'results', not both");
  }
  std::vector<ValueRecord> values;
  if (record.results) {
    values = *record.results;
  } else if (plain) {
    values.push_back({record.place, record.name, record.dtype, record.shape});
  }
  std::vector<ir::Type> types;
  for (const ValueRecord& value : values) {
    to.results.push_back(name(value.place, value.name));
    if (const auto found = type(place, value.place.at, value.dtype, value.shape))
      types.push_back(*found);
  }
  if (types.empty()) return;
  if (types.size() != values.size()) {
    place.fail(at, "expected the types of all results, or of none");
  }
  to.types = ir::TypesAst{std::move(types), to.at};
}

void ProgramReader::attributes(const NodeRecord& record, const SymbolPlace& place,
                               ir::StatementAst& to) const {
  if (!record.attributes) return;
  const Json::Object* members = record.attributes->object();
  if (members == nullptr) {
    place.fail(record.attributes->at, fmt::format("expected an object of attributes, found {}",
                                                  kind_of(*record.attributes)));
  }
  const std::span<const ir::AttrSpec> specs = ir::info(to.opcode).attrs;
  for (const Json::Member& member : *members) {
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const ir::AttrSpec& known) {
      return known.name == member.name;
    });
    if (spec == specs.end()) {
      std::vector<std::string_view> known;
      for (const ir::AttrSpec& each : specs) known.push_back(each.name);
      place.fail(member.at,
                 fmt::format("unknown attribute '{}'; there are: {}", member.name,
                             known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
    }
    const SymbolPlace here{source_, fmt::format("{}: attribute '{}'", place.where, member.name)};
    ir::AttrValue value = attr_from_json(here, *spec, member.value, constants_);
    if (to.opcode == ir::Opcode::call) to.callee = std::get<ir::FunctionRef>(value).name;
    to.attrs.push_back({member.name, std::move(value)});
  }
}

ir::StatementAst ProgramReader::statement(const NodeRecord& record, int depth) const {
  const SymbolPlace place{source_, described(record)};
  const std::optional<ir::Opcode> opcode = ir::opcode_from_name(record.op);
  if (!opcode || *opcode == ir::Opcode::fusion) {
    place.fail(record.place.at,
               fmt::format("expected an op of docs/formats.md, found '{}'", record.op));
  }
  ir::StatementAst result;
  result.at = position(record.place);
  result.opcode = *opcode;
  result.path = record.layer;
  result.operands = names(record.place, record.inputs);
  results(record, place, result);
  attributes(record, place, result);
  if (*opcode == ir::Opcode::call && result.callee.empty())
    place.fail(record.place.at, "expected the attribute 'callee', found none");
  for (const RegionRecord& nested : record.regions)
    result.regions.push_back(region(nested, depth + 1));
  return result;
}

ir::RegionAst ProgramReader::region(const RegionRecord& record, int depth) const {
  if (depth > ir::kDeepestRegion)
    fail(record.place, fmt::format("expected regions nested at most {} deep", ir::kDeepestRegion));
  ir::RegionAst result;
  result.at = result.yield_at = position(record.place);
  for (const ValueRecord& argument : record.arguments) {
    const SymbolPlace place{source_, fmt::format("argument '{}' of a region", argument.name)};
    result.arguments.push_back({name(argument.place, argument.name),
                                type(place, argument.place.at, argument.dtype, argument.shape)});
  }
  for (const NodeRecord& node : record.nodes) result.statements.push_back(statement(node, depth));
  result.yields = names(record.place, record.results);
  return result;
}

ir::ProgramAst ProgramReader::read(const SymbolRecord& symbol) const {
  if (symbol.functions.size() > kMostFunctions) {
    fail(symbol.place, fmt::format("expected at most {} functions, found {}", kMostFunctions,
                                   symbol.functions.size()));
  }
  const auto fill = [&](ir::FunctionAst& to, const Place& place, const std::string& function,
                        const std::vector<InputRecord>& inputs,
                        const std::vector<NodeRecord>& nodes) {
    to.name = name(place, function);
    if (inputs.size() > kMostInputs) {
      fail(place, fmt::format("expected at most {} inputs, found {}", kMostInputs, inputs.size()));
    }
    to.body.at = to.body.yield_at = to.name.at;
    for (const InputRecord& record : inputs) to.inputs.push_back(input(record));
    for (const NodeRecord& node : nodes) to.body.statements.push_back(statement(node, 0));
  };
  ir::ProgramAst program;
  ir::FunctionAst& main = program.emplace_back();
  fill(main, symbol.place, "main", symbol.inputs, symbol.nodes);
  for (const HeadRecord& head : symbol.heads)
    main.body.yields.push_back(name(head.place, head.value));
  for (const UpdateRecord& update : symbol.updates) {
    main.updates.push_back({name(update.place, update.input), name(update.place, update.value)});
  }
  for (const FunctionRecord& function : symbol.functions) {
    ir::FunctionAst made;
    fill(made, function.place, function.name, function.inputs, function.nodes);
    made.body.yields = names(function.place, function.results);
    program.push_back(std::move(made));
  }
  return program;
}

void check_header(const JsonText& source, const Json& root, const SymbolRecord& symbol) {
  const auto at = [&](const char* name) { return root.find(name)->at; };
  if (symbol.format != kSymbolFormat) {
    source.fail(at("format"),
                fmt::format("expected the format '{}', found '{}'", kSymbolFormat, symbol.format));
  }
  if (symbol.schema_version < 1 || symbol.schema_version > kSymbolSchemaVersion) {
    source.fail(at("schema_version"),
                fmt::format("this is schema version {}; mlpjit {} reads versions 1 to {}",
                            symbol.schema_version, version(), kSymbolSchemaVersion));
  }
  if (symbol.numerics_version < 1)
    source.fail(at("numerics_version"), "expected a version of at least 1");
  if (symbol.numerics_version != kNumericsVersion) {
    warn(fmt::format(
        "{} was written for version {} of the numerics, this is version {}: results may differ "
        "within the error bounds",
        source.file(), symbol.numerics_version, kNumericsVersion));
  }
}

// The format and its version come first: a file of another version has other members.
void check_versions(const JsonText& source, const Json& root) {
  if (root.object() == nullptr)
    source.fail(root.at, fmt::format("expected an object, found {}", kind_of(root)));
  SymbolRecord symbol;
  for (const char* const name : {"format", "schema_version", "numerics_version"}) {
    if (root.find(name) == nullptr)
      source.fail(root.at, fmt::format("expected a member '{}', found none", name));
  }
  JsonReader format(source, *root.find("format"), "format");
  format(symbol.format);
  JsonReader schema(source, *root.find("schema_version"), "schema_version");
  schema(symbol.schema_version);
  JsonReader numerics(source, *root.find("numerics_version"), "numerics_version");
  numerics(symbol.numerics_version);
  check_header(source, root, symbol);
}

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
  return std::min(a + b, kMostNodes + 1);
}

// Ops of a function when every call is written out: a chain of functions that call each other twice
// doubles at every step. Calls never lead back, so the recursion ends.
std::uint64_t written_out(const ir::Graph& graph, const ir::Function& function,
                          std::unordered_map<std::string, std::uint64_t>& known) {
  if (const auto found = known.find(function.name()); found != known.end()) return found->second;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < function.op_count(); ++i) {
    const ir::Op& op = function.op(ir::OpId(i));
    std::uint64_t cost = 1;
    if (op.opcode == ir::Opcode::call) {
      const std::string& callee = op.attrs.get<ir::FunctionRef>("callee").name;
      cost = saturating_sum(1, written_out(graph, *graph.find(callee), known));
    }
    count = saturating_sum(count, cost);
  }
  known[function.name()] = count;
  return count;
}

// Named sizes are found from the arguments; one that is in none of them could not be.
void check_sizes(const JsonText& source, const SymbolRecord& symbol, const ir::Graph& graph) {
  std::set<std::string> known;
  const ir::Function& main = graph.main();
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    if (main.inputs()[i].kind != ir::InputKind::argument) continue;
    const Shape& shape = main.value(main.body().arguments[i]).type.shape;
    for (int axis = 0; axis < shape.rank(); ++axis) known.insert(shape[axis].symbol());
  }
  const auto check = [&](const Shape& shape) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const Dim dim = shape[axis];
      if (dim.is_static() || known.contains(dim.symbol())) continue;
      source.fail(symbol.place.at, fmt::format("the size '{}' of {} is not that of any argument",
                                               dim.symbol(), to_string(shape)));
    }
  };
  for (const auto& function : graph.functions()) {
    for (std::size_t i = 0; i < function->value_count(); ++i)
      check(function->value(ir::ValueId(i)).type.shape);
    for (std::size_t i = 0; i < function->op_count(); ++i) {
      for (const auto& [name, value] : function->op(ir::OpId(i)).attrs) {
        if (const Shape* shape = std::get_if<Shape>(&value)) check(*shape);
      }
    }
  }
}

void check_heads(const JsonText& source, const SymbolRecord& symbol, const ir::Function& main) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < symbol.heads.size(); ++i) {
    const HeadRecord& head = symbol.heads[i];
    const SymbolPlace place{source, fmt::format("head '{}'", head.name)};
    if (head.name.empty() || !names.insert(head.name).second)
      place.fail(head.place.at, "expected distinct names of the heads");
    const ir::Type& type = main.value(main.body().results[i]).type;
    if (type.token) place.fail(head.place.at, "expected a tensor, found a token");
    if (head.dtype.empty() && !head.shape) continue;
    if (head.dtype.empty() || !head.shape)
      place.fail(head.place.at, "expected both 'dtype' and 'shape', or neither");
    const ir::Type given{dtype_from_name(place, head.place.at, head.dtype),
                         shape_from_json(place, *head.shape), false};
    if (given == type) continue;
    place.fail(head.place.at, fmt::format("expected the type {} of value '{}', found {}",
                                          ir::to_string(type), head.value, ir::to_string(given)));
  }
}

// Further paths must not stand for two parameters.
void check_aliases(const JsonText& source, const SymbolRecord& symbol, SymbolFile& to) {
  std::set<std::string> paths;
  for (const InputRecord& input : symbol.inputs) {
    if (input.kind != "parameter") continue;
    const std::string& path = input.path.empty() ? input.name : input.path;
    std::vector<std::string> all = input.aliases;
    all.push_back(path);
    for (const std::string& each : all) {
      if (each.empty() || !paths.insert(each).second)
        source.fail(input.place.at, fmt::format("the path '{}' stands for two parameters", each));
    }
    if (!input.aliases.empty()) to.aliases[path] = input.aliases;
  }
}

// Each form of the program is given up when the next is made: a file of many nodes is held twice,
// not four times.
SymbolRecord read_record(const JsonText& source) {
  const Json root = parse_json(source);
  check_versions(source, root);
  SymbolRecord record;
  JsonReader reader(source, root);
  reader(record);
  return record;
}

}  // namespace

namespace {

// Codes are of inputs and heads, and there is something that they stand for.
void check_coded(const JsonText& source, const SymbolRecord& record) {
  if (record.schema_version < 2 && !(record.strings.empty() && record.coded.empty()))
    source.fail(record.place.at, "'strings' and 'coded' are of schema version 2");
  for (const std::string& name : record.coded) {
    const auto is_named = [&](const auto& each) { return each.name == name; };
    if (std::none_of(record.inputs.begin(), record.inputs.end(), is_named) &&
        std::none_of(record.heads.begin(), record.heads.end(), is_named))
      source.fail(record.place.at, fmt::format("coded: there is no input or head '{}'", name));
  }
}

void read_checks(const JsonText& source, const SymbolRecord& record, const ir::Function& main,
                 StoredConstants& constants, SymbolFile& symbol) {
  if (record.checks.empty()) return;
  if (record.schema_version < 3) source.fail(record.place.at, "'checks' are of schema version 3");
  if (record.checks.size() > kMostChecks) {
    source.fail(record.place.at, fmt::format("expected at most {} checks, found {}", kMostChecks,
                                             record.checks.size()));
  }
  for (const CheckRecord& check : record.checks)
    symbol.checks.push_back(check_from_record(source, check, main, constants));
}

}  // namespace

SymbolFile read_symbol(const JsonText& source, StoredConstants& constants) {
  const support::FloatEnvScope environment;  // decimals are rounded to nearest
  SymbolRecord record = read_record(source);
  SymbolFile symbol;
  symbol.training = record.training;
  symbol.classes = record.classes;
  symbol.strings = record.strings;
  symbol.coded = record.coded;
  symbol.metadata = record.metadata;
  symbol.numerics_version = record.numerics_version;
  check_aliases(source, record, symbol);
  ir::ProgramAst program = ProgramReader(source, constants).read(record);
  record.nodes = {};
  record.functions = {};
  ir::Graph graph;
  try {
    graph = ir::build_verified(std::move(program));
  } catch (const FormatError& error) {
    throw FormatError(source.file() + ":" + error.what());
  }
  std::unordered_map<std::string, std::uint64_t> known;
  if (written_out(graph, graph.main(), known) > kMostNodes) {
    source.fail(record.place.at,
                fmt::format("expected at most {} nodes with all calls written out", kMostNodes));
  }
  check_sizes(source, record, graph);
  check_heads(source, record, graph.main());
  for (const HeadRecord& head : record.heads) symbol.head_names.push_back(head.name);
  check_coded(source, record);
  read_checks(source, record, graph.main(), constants, symbol);
  symbol.graph = std::make_shared<const ir::Graph>(std::move(graph));
  return symbol;
}

}  // namespace mlpjit::detail
