// Resolves the names of a parsed program and infers its types. Callees are built before their
// callers, because a call has the types of what it calls.

#include <unordered_map>

#include "lib/ir/ast.h"
#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

std::string list_types(const std::vector<Type>& types) {
  std::string text;
  for (const Type& type : types) text += (text.empty() ? "" : ", ") + to_string(type);
  return "(" + text + ")";
}

std::string plural(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

class FunctionBuilder {
 public:
  FunctionBuilder(const Graph& graph, Function& function, std::vector<Position>& places)
      : graph_(graph), function_(function), places_(places) {}

  void build(const FunctionAst& ast);

 private:
  struct Entry {
    ValueId value;
    bool visible;
    Position at;
  };

  void define(const NameAst& name, ValueId value);
  ValueId use(const NameAst& name) const;
  std::vector<ValueId> use(const std::vector<NameAst>& names) const;
  void build_region(const RegionAst& ast, RegionId region);
  void build_statement(const StatementAst& ast, RegionId region);
  Attrs build_attrs(const StatementAst& ast, const std::vector<Type>& operands) const;
  std::vector<Type> argument_types(const StatementAst& ast, const RegionAst& region,
                                   const std::vector<Type>& operands, const Attrs& attrs) const;
  std::vector<Type> result_types(const StatementAst& ast, const std::vector<ValueId>& operands,
                                 const Attrs& attrs, const std::vector<RegionId>& regions) const;
  std::vector<Type> call_types(const StatementAst& ast, const std::vector<ValueId>& operands) const;

  const Graph& graph_;
  Function& function_;
  std::vector<Position>& places_;
  std::unordered_map<std::string, Entry> names_;
  std::vector<std::string> scope_;  // names defined so far in the regions that are open
};

void FunctionBuilder::define(const NameAst& name, ValueId value) {
  const auto [entry, added] = names_.emplace(name.text, Entry{value, true, name.at});
  if (!added) {
    fail_at(name.at, "expected a new name, found %" + quoted_name(name.text) +
                         ", which is already defined at " + std::to_string(entry->second.at.line) +
                         ":" + std::to_string(entry->second.at.column));
  }
  scope_.push_back(name.text);
}

ValueId FunctionBuilder::use(const NameAst& name) const {
  const auto entry = names_.find(name.text);
  if (entry == names_.end()) {
    fail_at(name.at,
            "expected a value defined before, found %" + quoted_name(name.text) + ", which is not");
  }
  if (!entry->second.visible) {
    fail_at(name.at, "expected a value of this region or one around it, found %" +
                         quoted_name(name.text) + ", which is inside another; yield it there");
  }
  return entry->second.value;
}

std::vector<ValueId> FunctionBuilder::use(const std::vector<NameAst>& names) const {
  std::vector<ValueId> values;
  values.reserve(names.size());
  for (const NameAst& name : names) values.push_back(use(name));
  return values;
}

void FunctionBuilder::build(const FunctionAst& ast) {
  for (const InputAst& input : ast.inputs) {
    const NameAst& name = input.argument.name;
    define(name, function_.add_input(input.input, *input.argument.type, name.text));
  }
  build_region(ast.body, Function::kBody);
  const std::vector<Type> results = function_.types(function_.body().results);
  if (ast.result_types && ast.result_types->types != results) {
    fail_at(ast.result_types->at, "expected the types returned, " + list_types(results) +
                                      ", found " + list_types(ast.result_types->types));
  }
  for (const UpdateAst& update : ast.updates) {
    const ValueId input = use(update.input);
    const Value& target = function_.value(input);
    if (target.producer.valid() || target.region != Function::kBody) {
      fail_at(update.input.at, "expected an input to update, found %" +
                                   quoted_name(update.input.text) + ", which is computed");
    }
    const ValueId value = use(update.value);
    if (!(function_.value(value).type == target.type)) {
      fail_at(update.value.at, "expected a final value of type " + to_string(target.type) +
                                   ", found " + to_string(function_.value(value).type));
    }
    function_.updates().push_back({target.index, value});
  }
}

void FunctionBuilder::build_region(const RegionAst& ast, RegionId region) {
  for (const StatementAst& statement : ast.statements) build_statement(statement, region);
  function_.region(region).results = use(ast.yields);
}

Attrs FunctionBuilder::build_attrs(const StatementAst& ast,
                                   const std::vector<Type>& operands) const {
  Attrs attrs;
  if (ast.opcode == Opcode::call) {
    attrs.set("callee", FunctionRef{ast.callee});
    return attrs;
  }
  for (const AttrSpec& spec : info(ast.opcode).attrs) {
    std::optional<AttrValue> value;
    for (const AttrAst& attr : ast.attrs) {
      if (attr.name == spec.name) value = attr.value;
    }
    if (!value) value = default_of(spec, operands);
    if (!value) {
      fail_at(ast.at, "expected the attribute " + std::string(spec.name) + " of " +
                          std::string(to_string(ast.opcode)) + ", as in {" +
                          std::string(spec.name) + " = ...}, found none");
    }
    attrs.set(spec.name, std::move(*value));
  }
  return attrs;
}

// What an argument of a region is when its type is not written: see graph.h.
std::vector<Type> FunctionBuilder::argument_types(const StatementAst& ast, const RegionAst& region,
                                                  const std::vector<Type>& operands,
                                                  const Attrs& attrs) const {
  std::vector<Type> given = operands;
  if (ast.opcode == Opcode::cond && !given.empty()) given.erase(given.begin());
  if (ast.opcode == Opcode::scan) {
    const std::int64_t carried = attrs.integer("carried");
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (static_cast<std::int64_t>(i) < carried || given[i].shape.rank() == 0) continue;
      Shape slice;
      for (int axis = 1; axis < given[i].shape.rank(); ++axis)
        slice.push_back(given[i].shape[axis]);
      given[i].shape = slice;
    }
  }
  if (region.arguments.size() != given.size()) {
    fail_at(region.at, "expected " + plural(given.size(), "argument") + " of this region of " +
                           std::string(to_string(ast.opcode)) + ", " + list_types(given) +
                           ", found " + std::to_string(region.arguments.size()));
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const ArgumentAst& argument = region.arguments[i];
    if (argument.type && !(*argument.type == given[i])) {
      fail_at(argument.name.at, "expected an argument of type " + to_string(given[i]) + ", found " +
                                    to_string(*argument.type));
    }
  }
  return given;
}

std::vector<Type> FunctionBuilder::call_types(const StatementAst& ast,
                                              const std::vector<ValueId>& operands) const {
  const Function* callee = graph_.find(ast.callee);
  if (callee == nullptr) {
    fail_at(ast.at, "expected a function of this program to call, found @" +
                        quoted_name(ast.callee) + ", which is not defined");
  }
  const std::vector<Type> expected = callee->types(callee->body().arguments);
  const std::vector<Type> actual = function_.types(operands);
  if (expected != actual) {
    fail_at(ast.at, "expected operands " + list_types(expected) + " for @" +
                        quoted_name(ast.callee) + ", found " + list_types(actual));
  }
  return callee->types(callee->body().results);
}

std::vector<Type> FunctionBuilder::result_types(const StatementAst& ast,
                                                const std::vector<ValueId>& operands,
                                                const Attrs& attrs,
                                                const std::vector<RegionId>& regions) const {
  const OpInfo& op = info(ast.opcode);
  if (ast.opcode == Opcode::call) return call_types(ast, operands);
  if (op.arity >= 0 && operands.size() != static_cast<std::size_t>(op.arity)) {
    fail_at(ast.at, "expected " + plural(static_cast<std::size_t>(op.arity), "operand") + " of " +
                        std::string(op.name) + ", found " + std::to_string(operands.size()));
  }
  try {
    return infer_structured(function_, ast.opcode, operands, attrs, regions);
  } catch (const UserError& error) {
    fail_at(ast.at, error.what());
  }
}

void FunctionBuilder::build_statement(const StatementAst& ast, RegionId region) {
  const std::vector<ValueId> operands = use(ast.operands);
  const std::vector<Type> types = function_.types(operands);
  Attrs attrs = build_attrs(ast, types);
  if (!info(ast.opcode).has(kRegion) && !ast.regions.empty()) {
    fail_at(ast.regions.front().at,
            "expected no region, which " + std::string(to_string(ast.opcode)) + " does not take");
  }
  std::vector<RegionId> regions;
  for (const RegionAst& nested : ast.regions) {
    const std::vector<Type> arguments = argument_types(ast, nested, types, attrs);
    const RegionId id = function_.add_region();
    const std::size_t outside = scope_.size();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const NameAst& name = nested.arguments[i].name;
      define(name, function_.add_argument(id, arguments[i], name.text));
    }
    build_region(nested, id);
    for (; scope_.size() > outside; scope_.pop_back()) names_.at(scope_.back()).visible = false;
    regions.push_back(id);
  }
  std::vector<Type> results = result_types(ast, operands, attrs, regions);
  if (results.size() != ast.results.size()) {
    fail_at(ast.at, "expected " + plural(results.size(), "name") + " for the results of " +
                        std::string(to_string(ast.opcode)) + ", " + list_types(results) +
                        ", found " + std::to_string(ast.results.size()));
  }
  if (ast.types && ast.types->types != results) {
    fail_at(ast.types->at, "expected the type " + list_types(results) + " of " +
                               std::string(to_string(ast.opcode)) + ", found " +
                               list_types(ast.types->types));
  }
  std::vector<std::string> names;
  for (const NameAst& name : ast.results) names.push_back(name.text);
  const OpId op =
      function_.append_typed(region, ast.opcode, operands, std::move(attrs), std::move(regions),
                             std::move(results), ast.path, std::move(names));
  places_.resize(op.index + 1);
  places_[op.index] = ast.at;
  for (std::size_t i = 0; i < ast.results.size(); ++i) {
    define(ast.results[i], function_.result(op, i));
  }
}

struct CallSite {
  std::size_t callee;
  Position at;
};

void collect_calls(const RegionAst& region,
                   const std::unordered_map<std::string, std::size_t>& functions,
                   std::vector<CallSite>& calls) {
  for (const StatementAst& statement : region.statements) {
    const auto callee = functions.find(statement.callee);
    if (statement.opcode == Opcode::call && callee != functions.end()) {
      calls.push_back({callee->second, statement.at});
    }
    for (const RegionAst& nested : statement.regions) collect_calls(nested, functions, calls);
  }
}

// Callees first. Iterative: a chain of calls may be as long as the text.
std::vector<std::size_t> order_of_calls(const ProgramAst& program) {
  std::unordered_map<std::string, std::size_t> functions;
  for (std::size_t i = 0; i < program.size(); ++i) {
    const NameAst& name = program[i].name;
    if (!functions.emplace(name.text, i).second) {
      fail_at(name.at, "expected a new name of a function, found @" + quoted_name(name.text) +
                           ", which is already defined");
    }
  }
  std::vector<std::vector<CallSite>> calls(program.size());
  std::vector<std::vector<std::size_t>> callers(program.size());
  std::vector<std::size_t> waiting(program.size()), order;
  for (std::size_t i = 0; i < program.size(); ++i) {
    collect_calls(program[i].body, functions, calls[i]);
    waiting[i] = calls[i].size();
    for (const CallSite& call : calls[i]) callers[call.callee].push_back(i);
    if (waiting[i] == 0) order.push_back(i);
  }
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (std::size_t caller : callers[order[next]]) {
      if (--waiting[caller] == 0) order.push_back(caller);
    }
  }
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (waiting[i] == 0) continue;
    for (const CallSite& call : calls[i]) {
      if (waiting[call.callee] == 0) continue;
      fail_at(call.at, "expected no recursion, found a call from @" + program[i].name.text +
                           " to @" + program[call.callee].name.text +
                           ", which leads back; use while_loop to repeat");
    }
  }
  return order;
}

}  // namespace

BuiltProgram build_program(const ProgramAst& program) {
  BuiltProgram built;
  built.places.resize(program.size());
  const std::vector<std::size_t> order = order_of_calls(program);
  std::vector<Function*> functions;
  for (const FunctionAst& ast : program) {
    functions.push_back(&built.graph.add_function(ast.name.text));
  }
  for (std::size_t i : order) {
    FunctionBuilder(built.graph, *functions[i], built.places[i]).build(program[i]);
  }
  return built;
}

}  // namespace mlpjit::ir
