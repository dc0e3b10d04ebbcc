// Invariant 8. A value that orders effects is linear, like a baton: whoever takes it must hand on
// another, to the end: a state that is not given back draws the same numbers at every call. Two
// users of one baton would be two effects in no order; a baton used inside a region, without being
// carried there, would be used never or many times.

#include "lib/ir/opcodes.h"
#include "lib/ir/verify_internal.h"

namespace mlpjit::ir {
namespace {

class EffectVerifier {
 public:
  EffectVerifier(const Function& function, FaultList& faults)
      : function_(function),
        faults_(faults),
        linear_(function.value_count(), false),
        uses_(function.value_count(), 0) {}

  void run() {
    for (std::size_t i = 0; i < function_.inputs().size(); ++i) {
      if (function_.inputs()[i].kind == InputKind::state) mark(function_.body().arguments[i]);
    }
    visit(Function::kBody, OpId{});
    for (const Update& update : function_.updates()) consume(OpId{}, update.value, Function::kBody);
    for_each_op(function_, Function::kBody, [this](OpId id) { check_used(id); });
    for (std::size_t i = 0; i < function_.inputs().size(); ++i) check_given_back(i);
  }

 private:
  bool is_token(ValueId id) const { return function_.value(id).type.token; }
  bool is_linear(ValueId id) const { return is_token(id) || linear_[id.index]; }
  void mark(ValueId id) { linear_[id.index] = true; }

  void consume(OpId op, ValueId id, RegionId region) {
    if (!is_linear(id)) return;
    const std::string what = is_token(id) ? "token " : "state ";
    if (++uses_[id.index] == 2) {
      faults_.add(op, "expected the " + what + name_of(function_, id) +
                          " to be used once; use the one that its first user gives");
    }
    if (function_.value(id).region != region) {
      faults_.add(op, "expected the " + what + name_of(function_, id) +
                          " to be carried into the region as an operand");
    }
  }

  void visit(RegionId region, OpId parent);
  void visit_op(OpId id, RegionId region);
  void mark_arguments(const Op& op);
  void mark_results(const Op& op);
  void check_used(OpId id);
  void check_given_back(std::size_t input);

  const Function& function_;
  FaultList& faults_;
  std::vector<bool> linear_;
  std::vector<std::uint32_t> uses_;
};

void EffectVerifier::visit(RegionId region, OpId parent) {
  for (OpId op : function_.region(region).ops) visit_op(op, region);
  for (ValueId result : function_.region(region).results) consume(parent, result, region);
}

void EffectVerifier::visit_op(OpId id, RegionId region) {
  const Op& op = function_.op(id);
  const bool structured = info(op.opcode).has(kRegion) || op.opcode == Opcode::call;
  const bool random = op.opcode == Opcode::random_uniform || op.opcode == Opcode::random_normal;
  for (ValueId operand : op.operands) {
    // Reading the numbers of a state uses nothing up.
    if (structured || random || is_token(operand)) consume(id, operand, region);
  }
  if (structured && op.opcode != Opcode::call) mark_arguments(op);
  for (RegionId nested : op.regions) visit(nested, id);
  if (structured && op.opcode != Opcode::call) mark_results(op);
  if (random && is_linear(op.operands[0])) mark(op.results[1]);
}

void EffectVerifier::mark_arguments(const Op& op) {
  const std::size_t skipped = op.opcode == Opcode::cond ? 1 : 0;
  for (RegionId region : op.regions) {
    const std::vector<ValueId>& arguments = function_.region(region).arguments;
    for (std::size_t i = 0; i < arguments.size() && i + skipped < op.operands.size(); ++i) {
      if (is_linear(op.operands[i + skipped])) mark(arguments[i]);
    }
  }
}

void EffectVerifier::mark_results(const Op& op) {
  if (op.regions.empty()) return;
  const std::vector<ValueId>& yields = function_.region(op.regions.back()).results;
  for (std::size_t i = 0; i < yields.size() && i < op.results.size(); ++i) {
    if (is_linear(yields[i])) mark(op.results[i]);
  }
}

void EffectVerifier::check_used(OpId id) {
  for (ValueId result : function_.op(id).results) {
    if (is_token(result) && uses_[result.index] == 0) {
      faults_.add(id, "expected the token " + name_of(function_, result) +
                          " to be used, or its effect is lost; yield, return or update with it");
    }
    if (!is_token(result) && linear_[result.index] && uses_[result.index] == 0) {
      faults_.add(id, "expected the state " + name_of(function_, result) +
                          " to be used, or every call draws the same numbers; draw from it, yield "
                          "it, or give it back: return ... update %state = " +
                          name_of(function_, result));
    }
  }
}

// What was drawn from must move on.
void EffectVerifier::check_given_back(std::size_t input) {
  const ValueId state = function_.body().arguments[input];
  if (function_.inputs()[input].kind != InputKind::state || uses_[state.index] == 0) return;
  for (const Update& update : function_.updates()) {
    if (update.input == input) return;
  }
  faults_.add(OpId{}, "expected the state " + name_of(function_, state) +
                          ", which is drawn from, to be given back, or every call draws the same "
                          "numbers; return ... update " +
                          name_of(function_, state) + " = the state of the last draw");
}

}  // namespace

void verify_effects(const Function& function, FaultList& faults) {
  EffectVerifier(function, faults).run();
}

}  // namespace mlpjit::ir
