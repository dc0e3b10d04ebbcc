// Invariants 2 to 5, as far as they do not need types.

#include <unordered_set>

#include "lib/ir/lexer.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/verify_internal.h"

namespace mlpjit::ir {
namespace {

class StructureVerifier {
 public:
  StructureVerifier(const Function& function, FaultList& faults)
      : function_(function),
        faults_(faults),
        depth_(function.value_count(), 0),
        seen_ops_(function.op_count(), false),
        seen_regions_(function.region_count(), false) {}

  void run() {
    if (function_.inputs().size() != function_.body().arguments.size()) {
      faults_.add("expected as many inputs as arguments of the body");
    }
    if (function_.body().parent.valid()) faults_.add("expected a body that no op holds");
    enter(Function::kBody, OpId{}, 1);
    for (const Update& update : function_.updates()) {
      if (update.input >= function_.body().arguments.size()) {
        faults_.add("expected an update of an input, found number " + std::to_string(update.input));
      }
      check_use(OpId{}, update.value, "the value of an update");
    }
  }

 private:
  void define(OpId op, ValueId id, OpId producer, RegionId region, std::size_t index);
  void check_use(OpId op, ValueId id, const std::string& role);
  void enter(RegionId id, OpId parent, std::size_t depth);
  void check_op(OpId id, RegionId region, std::size_t depth);
  void check_table(OpId id, const Op& op);

  const Function& function_;
  FaultList& faults_;
  std::vector<std::size_t> depth_;  // of the open region that defines a value; 0: not visible
  std::vector<bool> seen_ops_, seen_regions_;
  std::vector<ValueId> open_;  // values defined in the regions that are open
  std::unordered_set<std::string> names_;
  std::size_t isolated_ = 0;  // values of depths up to this are hidden, by a fusion
};

void StructureVerifier::define(OpId op, ValueId id, OpId producer, RegionId region,
                               std::size_t index) {
  if (id.index >= function_.value_count()) {
    faults_.add(op, "expected a value, found an id out of range");
    return;
  }
  const Value& value = function_.value(id);
  if (value.producer != producer || value.region != region || value.index != index) {
    faults_.add(
        op, "expected " + name_of(function_, id) +
                " to point back at what defines it; it is defined twice, or its producer, region "
                "or index is wrong");
  }
  if (value.name.empty()) faults_.add(op, "expected a name for each value, found none");
  if (!names_.insert(value.name).second) {
    faults_.add(
        op, "expected distinct names, found " + name_of(function_, id) + " twice; use set_name");
  }
}

void StructureVerifier::check_use(OpId op, ValueId id, const std::string& role) {
  if (id.index >= function_.value_count()) {
    faults_.add(op, "expected " + role + ", found an id out of range");
  } else if (depth_[id.index] == 0) {
    faults_.add(op, "expected " + role +
                        " to be defined before, in this region or one around it; " +
                        name_of(function_, id) + " is not");
  } else if (depth_[id.index] <= isolated_) {
    faults_.add(op, "expected a fusion to use its own arguments and values only, found " +
                        name_of(function_, id) + "; make it an operand");
  }
}

void StructureVerifier::enter(RegionId id, OpId parent, std::size_t depth) {
  seen_regions_[id.index] = true;
  const Region& region = function_.region(id);
  if (region.parent != parent) faults_.add(parent, "expected its region to point back at it");
  const std::size_t outside = open_.size();
  const auto open = [&](ValueId value) {
    if (value.index >= function_.value_count()) return;
    depth_[value.index] = depth;
    open_.push_back(value);
  };
  for (std::size_t i = 0; i < region.arguments.size(); ++i) {
    define(parent, region.arguments[i], OpId{}, id, i);
    open(region.arguments[i]);
  }
  for (OpId op : region.ops) {
    if (op.index >= function_.op_count()) {
      faults_.add(parent, "expected ops, found an id out of range");
      continue;
    }
    check_op(op, id, depth);
    for (ValueId result : function_.op(op).results) open(result);
  }
  for (ValueId result : region.results) {
    check_use(parent, result, parent.valid() ? "a value yielded" : "a value returned");
  }
  if (!parent.valid()) return;  // updates still see the values of the body
  for (; open_.size() > outside; open_.pop_back()) depth_[open_.back().index] = 0;
}

void StructureVerifier::check_op(OpId id, RegionId region, std::size_t depth) {
  const Op& op = function_.op(id);
  if (seen_ops_[id.index]) {
    faults_.add(id, "expected each op in one place, found it twice");
    return;
  }
  seen_ops_[id.index] = true;
  if (op.parent != region) faults_.add(id, "expected its parent to be the region that holds it");
  for (ValueId operand : op.operands) check_use(id, operand, "an operand");
  for (std::size_t i = 0; i < op.results.size(); ++i) define(id, op.results[i], id, region, i);
  check_table(id, op);
  for (RegionId nested : op.regions) {
    if (nested.index >= function_.region_count() || seen_regions_[nested.index]) {
      faults_.add(id, "expected regions of its own, found one out of range or held twice");
      continue;
    }
    const std::size_t outer = isolated_;
    if (op.opcode == Opcode::fusion) isolated_ = depth;
    enter(nested, id, depth + 1);
    isolated_ = outer;
  }
}

void StructureVerifier::check_table(OpId id, const Op& op) {
  const OpInfo& table = info(op.opcode);
  if (table.arity >= 0 && op.operands.size() != static_cast<std::size_t>(table.arity)) {
    faults_.add(id, "expected " + std::to_string(table.arity) + " operands, found " +
                        std::to_string(op.operands.size()));
  }
  if (table.results >= 0 && op.results.size() != static_cast<std::size_t>(table.results)) {
    faults_.add(id, "expected " + std::to_string(table.results) + " results, found " +
                        std::to_string(op.results.size()));
  }
  if (!table.has(kRegion) && !op.regions.empty()) faults_.add(id, "expected no regions");
  if (isolated_ > 0 && (table.has(kRegion) || table.has(kEffect) || op.opcode == Opcode::call)) {
    faults_.add(id, "expected no effects, calls or regions inside a fusion");
  }
  auto spec = table.attrs.begin();
  for (const auto& [name, value] : op.attrs) {
    if (spec == table.attrs.end() || spec->name != name) {
      faults_.add(id, "expected the attributes of the op table, in its order, found " + name);
      return;
    }
    if (value.index() != static_cast<std::size_t>(spec->kind)) {
      faults_.add(id, "expected attribute " + name + " of its kind in the op table, found another");
    }
    ++spec;
  }
  if (spec != table.attrs.end()) {
    faults_.add(id, "expected attribute " + std::string(spec->name) + ", found none");
  }
}

}  // namespace

void verify_structure(const Function& function, FaultList& faults) {
  StructureVerifier(function, faults).run();
}

}  // namespace mlpjit::ir
