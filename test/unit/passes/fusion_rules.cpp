#include "test/unit/passes/fusion_rules.h"

#include <algorithm>
#include <optional>
#include <set>

#include "lib/passes/fuse.h"
#include "lib/passes/rewrite.h"

namespace mlpjit::passes::testing {
namespace {

using ir::Function;
using ir::Op;
using ir::Opcode;
using ir::OpId;
using ir::ValueId;

bool is_root(const Function& function, const Op& op, const std::string& kind) {
  if (kind == "dense") return op.opcode == Opcode::dense || op.opcode == Opcode::matmul;
  if (kind == "row") {
    return op.opcode == Opcode::softmax || op.opcode == Opcode::log_softmax ||
           op.opcode == Opcode::layer_norm;
  }
  const std::set<Opcode> reductions{Opcode::sum, Opcode::prod, Opcode::mean,
                                    Opcode::var, Opcode::max,  Opcode::min};
  return kind == "reduction" && reductions.contains(op.opcode) &&
         is_floating(function.value(op.operands[0]).type.dtype);
}

class Checker {
 public:
  Checker(const Function& function, const Op& fusion, std::vector<std::string>& faults)
      : function_(function),
        fusion_(fusion),
        region_(function.region(fusion.regions.front())),
        kind_(fusion.attrs.get<std::string>("kind")),
        faults_(faults) {}

  void check() {
    for (OpId id : region_.ops) {
      const Op& op = function_.op(id);
      if (op.opcode == Opcode::constant) continue;
      members_.push_back(id);
      if (is_root(function_, op, kind_)) {
        require(!root_, "one root");
        root_ = id;
      }
    }
    check_all();
    require(root_.has_value() == (kind_ != "elementwise"), "a root as the kind says");
    if (!root_) return check_elementwise();
    require(region_.results.size() == 1, "one result");
    require(type(region_.results[0]).dtype == type(function_.result(*root_)).dtype,
            "a result of the root's dtype");
    require(region_.results[0] == function_.op(members_.back()).results[0],
            "the last member's result");
    check_around_root();
  }

 private:
  const ir::Type& type(ValueId id) const { return function_.value(id).type; }
  void require(bool good, const char* rule) {
    if (!good) faults_.push_back(kind_ + " fusion: " + rule);
  }

  void check_all() {
    const std::set<ValueId> distinct(fusion_.operands.begin(), fusion_.operands.end());
    require(distinct.size() == fusion_.operands.size(), "distinct operands");
    require(fusion_.operands.size() <= kMaxFusionInputs, "not too many operands");
    require(fusion_.results.size() <= kMaxFusionResults, "not too many results");
    require(members_.size() >= 2 && members_.size() <= kMaxFusionOps, "2 to kMaxFusionOps members");
    std::set<std::size_t> widths;
    for (OpId id : members_) {
      const Op& op = function_.op(id);
      require(!can_fail(function_, id), "members that cannot fail");
      if (id != root_) require(ir::info(op.opcode).has(ir::kElementwise), "element-wise members");
      for (const std::vector<ValueId>* values : {&op.operands, &op.results}) {
        for (ValueId value : *values) {
          if (type(value).dtype != DType::boolean) widths.insert(size_of(type(value).dtype));
        }
      }
    }
    require(widths.size() <= 1, "one element width");
    for (std::size_t i = 0; i < fusion_.operands.size(); ++i) {
      const ir::Literal* literal = constant_of(function_, fusion_.operands[i]);
      if (literal == nullptr || literal->shape.size() != 1) continue;
      const std::vector<ValueId>* uses = root_ ? &function_.op(*root_).operands : nullptr;
      require(uses != nullptr &&
                  std::find(uses->begin(), uses->end(), region_.arguments[i]) != uses->end(),
              "no scalar constants for operands");
    }
  }

  void check_elementwise() {
    for (OpId id : members_) {
      require(type(function_.result(id)).shape == type(region_.results[0]).shape, "one shape");
    }
  }

  void check_around_root() {
    const Op& root = function_.op(*root_);
    std::set<ValueId> after{root.results[0]};
    std::set<ValueId> before;
    bool seen = false;
    for (OpId id : members_) {
      const Op& op = function_.op(id);
      if (id == *root_) {
        seen = true;
        continue;
      }
      const bool depends = std::any_of(op.operands.begin(), op.operands.end(),
                                       [&](ValueId value) { return after.contains(value); });
      const bool fed = std::any_of(op.operands.begin(), op.operands.end(),
                                   [&](ValueId value) { return before.contains(value); });
      require(depends == seen, "producers before the root, consumers after it");
      if (depends) require(!fed, "consumers that use no producer");
      (depends ? after : before).insert(op.results[0]);
      const ValueId like = depends ? root.results[0] : root.operands[0];
      require(type(op.results[0]).shape == type(like).shape, "members of the root's shapes");
    }
    if (kind_ == "dense") require(members_.front() == *root_, "the root first");
    for (std::size_t i = kind_ == "dense" ? 0 : 1; i < root.operands.size(); ++i) {
      require(!function_.value(root.operands[i]).producer.valid(), "root operands from outside");
    }
  }

  const Function& function_;
  const Op& fusion_;
  const ir::Region& region_;
  const std::string kind_;
  std::vector<std::string>& faults_;
  std::vector<OpId> members_;
  std::optional<OpId> root_;
};

}  // namespace

std::vector<std::string> broken_fusion_rules(const ir::Graph& graph) {
  std::vector<std::string> faults;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, Function::kBody, [&](OpId id) {
      const Op& op = function->op(id);
      if (op.opcode == Opcode::fusion) Checker(*function, op, faults).check();
    });
  }
  return faults;
}

std::vector<std::string> fusions(const ir::Graph& graph) {
  std::vector<std::string> found;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, Function::kBody, [&](OpId id) {
      const Op& op = function->op(id);
      if (op.opcode != Opcode::fusion) return;
      std::string line = op.attrs.get<std::string>("kind") + ":";
      for (OpId inner : function->region(op.regions.front()).ops) {
        if (function->op(inner).opcode == Opcode::constant) continue;
        line += " " + std::string(to_string(function->op(inner).opcode));
      }
      found.push_back(std::move(line));
    });
  }
  return found;
}

}  // namespace mlpjit::passes::testing
