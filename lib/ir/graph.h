#pragma once
// The SSA IR. A Graph is a set of functions that call each other; "main" is the entry. A Function
// owns arenas of values, ops and regions, addressed by dense ids; side tables hold analyses.
// Regions nest: a function's body is its region 0. There are no successor edges: control flow is
// ops with regions.
//
// Effects: an op that takes and gives a token (print) or a state (random draws: i64[2] {seed, draw
// number}) is ordered by it. An in-place update is an input with a final value: Function::updates.
// So liveness is reachability from results and updates, plus the ops that may fail. Tokens and
// states are linear: each such value is consumed at most once. The entry gets its token as an input
// of kind token and gives it back by an update of that input; a function that is called takes it as
// its last input and returns it as its last result. A function with updates cannot be called.
//
// Operands and regions of the ops with regions: docs/ir.md.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/ir/attr.h"
#include "lib/ir/ids.h"
#include "lib/ir/opcode.h"

namespace mlpjit::ir {

struct Value {
  Type type;
  std::string name;         // unique in its function; made up ("0", "1", ...) when nobody gave one
  OpId producer;            // invalid for a region argument
  RegionId region;          // the region whose argument it is, or that holds the producer
  std::uint32_t index = 0;  // which result or which argument
};

struct Op {
  Opcode opcode{};
  std::vector<ValueId> operands;
  std::vector<ValueId> results;
  Attrs attrs;
  std::vector<RegionId> regions;
  RegionId parent;   // the region that holds it
  std::string path;  // layer path where it was recorded, "" at top level
};

// Regions in regions, and calls of functions that call: what the parser, the recorder, readers of
// files and the verifier take. Code that walks a graph may recurse.
inline constexpr int kDeepestRegion = 64;
inline constexpr int kDeepestCall = 256;

struct Region {
  std::vector<ValueId> arguments;
  std::vector<OpId> ops;         // in execution order
  std::vector<ValueId> results;  // what the region yields
  OpId parent;                   // the op that holds it; invalid for a function's body
};

// What an input of a function is bound to.
enum class InputKind : std::uint8_t { argument, parameter, capture, state, token };
std::string_view to_string(InputKind kind);

struct Input {
  InputKind kind = InputKind::argument;
  std::string name;  // argument name, parameter path, "n" of capture n; unique per kind
};

// An input whose storage holds `value` after the call.
struct Update {
  std::uint32_t input = 0;
  ValueId value;
};

class Function {
 public:
  explicit Function(std::string name);

  const std::string& name() const { return name_; }
  static constexpr RegionId kBody{std::size_t{0}};

  // Inputs are the arguments of the body, in order; inputs()[i] describes body().arguments[i].
  ValueId add_input(Input input, Type type, std::string value_name = {});
  std::span<const Input> inputs() const { return inputs_; }
  std::vector<Update>& updates() { return updates_; }
  const std::vector<Update>& updates() const { return updates_; }

  const Value& value(ValueId id) const { return values_.at(id.index); }
  Value& value(ValueId id) { return values_.at(id.index); }
  const Op& op(OpId id) const { return ops_.at(id.index); }
  Op& op(OpId id) { return ops_.at(id.index); }
  const Region& region(RegionId id) const { return regions_.at(id.index); }
  Region& region(RegionId id) { return regions_.at(id.index); }
  const Region& body() const { return regions_.front(); }
  Region& body() { return regions_.front(); }
  std::size_t value_count() const { return values_.size(); }
  std::size_t op_count() const { return ops_.size(); }
  std::size_t region_count() const { return regions_.size(); }

  // Appends an op to a region; the result types come from the op's type rule, which throws
  // ShapeError or DTypeError (op named, expected and actual) on operands that do not fit. For ops
  // with regions the regions must be complete; for `call` the types are given.
  OpId append(RegionId region, Opcode opcode, std::vector<ValueId> operands, Attrs attrs = {},
              std::vector<RegionId> regions = {}, std::string path = {});
  // The same with known result types (parser, passes, calls); the verifier checks them.
  OpId append_typed(RegionId region, Opcode opcode, std::vector<ValueId> operands, Attrs attrs,
                    std::vector<RegionId> regions, std::vector<Type> result_types,
                    std::string path = {}, std::vector<std::string> result_names = {});
  // A new region, not yet attached; append() of the op that takes it sets its parent.
  RegionId add_region();
  ValueId add_argument(RegionId region, Type type, std::string name = {});

  ValueId result(OpId id, std::size_t i = 0) const { return op(id).results.at(i); }
  std::vector<Type> types(std::span<const ValueId> ids) const;

  // Renames a value; a name already taken gets a suffix, "" a made-up number. Use this rather than
  // writing value(id).name, which may collide.
  void set_name(ValueId id, std::string name);

  // Every use of `from` (operands, region results, updates) becomes `to`.
  void replace_uses(ValueId from, ValueId to);

 private:
  std::string fresh_name(std::string wanted);

  std::string name_;
  std::vector<Input> inputs_;
  std::vector<Update> updates_;
  std::vector<Value> values_;
  std::vector<Op> ops_;
  std::vector<Region> regions_;
  std::unordered_map<std::string, std::size_t> names_;  // with the last suffix tried for it
  std::size_t next_name_ = 0;
};

class Graph {
 public:
  // Functions keep their insertion order; addresses stay valid while the graph lives.
  Function& add_function(std::string name);  // throws UserError on a name already taken
  void remove_function(std::string_view name);
  Function* find(std::string_view name);
  const Function* find(std::string_view name) const;
  const Function& main() const;  // throws UserError when there is no "main"
  Function& main();
  std::span<const std::unique_ptr<Function>> functions() const { return functions_; }
  Graph clone() const;

 private:
  std::vector<std::unique_ptr<Function>> functions_;
};

}  // namespace mlpjit::ir
