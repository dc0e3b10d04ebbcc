#include "lib/ir/fusion.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

constexpr std::array<std::string_view, 4> kKinds = {"elementwise", "dense", "reduction", "row"};

bool dense_root(const Function& function, const Op& op) {
  const Type& given = function.value(op.results.front()).type;
  if (!is_floating(given.dtype) || given.shape.rank() < 1) return false;
  const Value& weight = function.value(op.operands[1]);
  if (op.opcode == Opcode::matmul) return weight.type.shape.rank() >= 1;
  // A weight that is computed has no packed copy.
  return !weight.producer.valid() && weight.region == Function::kBody;
}

bool reduction_root(const Function& function, const Op& op) {
  const Type& from = function.value(op.operands.front()).type;
  const std::vector<std::int64_t>& axes = op.attrs.integers("axes");
  if (!is_floating(from.dtype) || axes.empty()) return false;
  for (int i = static_cast<int>(axes.back()) + 1; i < from.shape.rank(); ++i) {
    if (!identical(from.shape[i], 1)) return false;
  }
  return axes.back() - axes.front() + 1 == static_cast<std::int64_t>(axes.size());
}

bool row_root(const Function& function, const Op& op) {
  return op.attrs.find("axis") == nullptr ||
         op.attrs.integer("axis") == function.value(op.results.front()).type.shape.rank() - 1;
}

// The element of a value made by `constant`, of one element; else null.
const Literal* scalar_of(const Function& function, ValueId value) {
  const OpId producer = function.value(value).producer;
  if (!producer.valid() || function.op(producer).opcode != Opcode::constant) return nullptr;
  const Literal& literal = function.op(producer).attrs.get<Literal>("value");
  return literal.shape.size() == 1 ? &literal : nullptr;
}

class Checker {
 public:
  Checker(const Function& function, const Op& fusion, FusionKind kind)
      : function_(function),
        fusion_(fusion),
        region_(function.region(fusion.regions.front())),
        kind_(kind) {}

  std::string fault() {
    for (const OpId id : region_.ops) {
      const Op& op = function_.op(id);
      if (op.opcode == Opcode::constant) continue;
      members_.push_back(&op);
      if (rooted_kind(op.opcode) == kind_ && kind_ != FusionKind::elementwise) {
        require(root_ == nullptr, "one root");
        root_ = &op;
      }
    }
    check_all();
    require((root_ != nullptr) == (kind_ != FusionKind::elementwise), "a root as the kind says");
    if (root_ == nullptr) {
      check_elementwise();
      return fault_;
    }
    require(region_.results.size() == 1, "one result");
    if (!fault_.empty()) return fault_;
    require(type(region_.results[0]).dtype == type(root_->results[0]).dtype,
            "a result of the root's dtype");
    require(region_.results[0] == members_.back()->results[0], "the last member's result");
    check_around_root();
    return fault_;
  }

 private:
  const Type& type(ValueId id) const { return function_.value(id).type; }
  void require(bool good, const char* rule) {
    if (!good && fault_.empty()) fault_ = rule;
  }

  void check_all() {
    const std::set<ValueId> distinct(fusion_.operands.begin(), fusion_.operands.end());
    require(distinct.size() == fusion_.operands.size(), "distinct operands");
    require(fusion_.operands.size() <= kMaxFusionInputs, "not too many operands");
    require(fusion_.results.size() <= kMaxFusionResults, "not too many results");
    require(members_.size() >= 2 && members_.size() <= kMaxFusionOps, "2 to 24 members");
    std::set<std::size_t> widths;
    for (const Op* op : members_) {
      if (op != root_) require(may_be_member(function_, *op), "element-wise members");
      for (const std::vector<ValueId>* values : {&op->operands, &op->results}) {
        for (const ValueId value : *values) {
          if (!type(value).token && type(value).dtype != DType::boolean)
            widths.insert(size_of(type(value).dtype));
        }
      }
    }
    require(widths.size() <= 1, "one element width");
    for (std::size_t i = 0; i < fusion_.operands.size(); ++i) {
      if (scalar_of(function_, fusion_.operands[i]) == nullptr) continue;
      const std::vector<ValueId>* uses = root_ != nullptr ? &root_->operands : nullptr;
      require(uses != nullptr &&
                  std::find(uses->begin(), uses->end(), region_.arguments[i]) != uses->end(),
              "no scalar constants for operands");
    }
  }

  void check_elementwise() {
    for (const Op* op : members_) {
      require(!region_.results.empty() &&
                  identical(type(op->results[0]).shape, type(region_.results[0]).shape),
              "one shape");
    }
  }

  void check_around_root() {
    std::set<ValueId> after{root_->results[0]};
    std::set<ValueId> before;
    bool seen = false;
    for (const Op* op : members_) {
      if (op == root_) {
        seen = true;
        continue;
      }
      const auto uses = [&](const std::set<ValueId>& values) {
        return std::any_of(op->operands.begin(), op->operands.end(),
                           [&](ValueId value) { return values.contains(value); });
      };
      const bool depends = uses(after);
      require(depends == seen, "producers before the root, consumers after it");
      if (depends) require(!uses(before), "consumers that use no producer");
      (depends ? after : before).insert(op->results[0]);
      const ValueId like = depends ? root_->results[0] : root_->operands[0];
      require(identical(type(op->results[0]).shape, type(like).shape),
              "members of the root's shapes");
    }
    const bool dense = kind_ == FusionKind::dense;
    if (dense) require(members_.front() == root_, "the root first");
    for (std::size_t i = dense ? 0 : 1; i < root_->operands.size(); ++i) {
      require(!function_.value(root_->operands[i]).producer.valid(), "root operands from outside");
    }
  }

  const Function& function_;
  const Op& fusion_;
  const Region& region_;
  const FusionKind kind_;
  std::vector<const Op*> members_;
  const Op* root_ = nullptr;
  std::string fault_;
};

}  // namespace

std::string_view to_string(FusionKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<FusionKind> fusion_kind_from_name(std::string_view name) {
  const auto* const found = std::find(kKinds.begin(), kKinds.end(), name);
  if (found == kKinds.end()) return std::nullopt;
  return static_cast<FusionKind>(found - kKinds.begin());
}

FusionKind fusion_kind(const Op& fusion) {
  const std::string& name = fusion.attrs.get<std::string>("kind");
  const std::optional<FusionKind> kind = fusion_kind_from_name(name);
  if (!kind) throw InternalError("a fusion of unknown kind " + name);
  return *kind;
}

std::optional<FusionKind> rooted_kind(Opcode opcode) {
  if (!info(opcode).has(kKernel)) return std::nullopt;
  switch (info(opcode).family) {
    case Family::contraction: return FusionKind::dense;
    case Family::reduction: return FusionKind::reduction;
    case Family::row: return FusionKind::row;
    default: return std::nullopt;
  }
}

bool may_be_member(const Function& function, const Op& op) {
  if (info(op.opcode).family != Family::elementwise) return false;
  // These take as many steps as a quotient or an exponent has bits, or fail on zero.
  if (op.opcode == Opcode::remainder) return false;
  const bool partial = op.opcode == Opcode::floor_divide || op.opcode == Opcode::pow;
  return !partial || !is_integer(function.value(op.operands[0]).type.dtype);
}

bool may_be_root(const Function& function, const Op& op) {
  switch (info(op.opcode).family) {
    case Family::contraction: return dense_root(function, op);
    case Family::reduction: return reduction_root(function, op);
    case Family::row: return row_root(function, op);
    default: return false;
  }
}

std::string broken_fusion_rule(const Function& function, const Op& fusion) {
  const std::string& name = fusion.attrs.get<std::string>("kind");
  const std::optional<FusionKind> kind = fusion_kind_from_name(name);
  if (!kind) return "a kind that is elementwise, dense, reduction or row, found \"" + name + "\"";
  return Checker(function, fusion, *kind).fault();
}

}  // namespace mlpjit::ir
