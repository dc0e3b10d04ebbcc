#include "lib/passes/fuse_groups.h"

#include <algorithm>
#include <utility>

#include "lib/passes/rewrite.h"

namespace mlpjit::passes {

using ir::FusionKind;
using ir::Op;
using ir::OpId;
using ir::RegionId;
using ir::ValueId;

namespace {

void insert_sorted(std::vector<int>& list, int item) {
  const auto at = std::lower_bound(list.begin(), list.end(), item);
  if (at == list.end() || *at != item) list.insert(at, item);
}

bool contains(const std::vector<int>& sorted, int item) {
  return std::binary_search(sorted.begin(), sorted.end(), item);
}

// Dimension i of `full`, of a shape that broadcasts to it.
Dim aligned(const Shape& shape, const Shape& full, int i) {
  const int at = i - (full.rank() - shape.rank());
  return at < 0 ? Dim(1) : shape[at];
}

// Whether `shape` is full along every axis of [begin, end) of `full`, or of size 1 along every one.
bool uniform(const Shape& shape, const Shape& full, int begin, int end) {
  bool all = true;
  bool none = true;
  for (int i = begin; i < end; ++i) {
    const Dim dim = aligned(shape, full, i);
    all = all && identical(dim, full[i]);
    none = none && identical(dim, 1);
  }
  return all || none;
}

}  // namespace

FusionSearch::FusionSearch(const ir::Function& function, RegionId region)
    : function_(function),
      ops_(function.region(region).ops),
      position_of_(function.op_count(), -1),
      taken_(ops_.size()) {
  const int end = static_cast<int>(ops_.size());
  for (int position = 0; position < end; ++position) {
    position_of_[ops_[static_cast<std::size_t>(position)].index] = position;
    const Op& holder = op(position);
    for (ValueId operand : holder.operands) use(operand, position);
    // What a nested region uses, the op that holds it uses.
    for (RegionId nested : holder.regions) {
      for (ValueId value : function.region(nested).results) use(value, position);
      for_each_op(function, nested, [&](OpId inner) {
        for (ValueId operand : function.op(inner).operands) use(operand, position);
        for (RegionId deeper : function.op(inner).regions) {
          for (ValueId value : function.region(deeper).results) use(value, position);
        }
      });
    }
  }
  for (ValueId value : function.region(region).results) use(value, end);
  if (region == ir::Function::kBody) {
    for (const ir::Update& update : function.updates()) use(update.value, end);
  }
}

const Op& FusionSearch::op(int position) const {
  return function_.op(ops_[static_cast<std::size_t>(position)]);
}

int FusionSearch::maker(ValueId value) const {
  const OpId producer = function_.value(value).producer;
  return producer.valid() ? position_of_[producer.index] : -1;
}

std::span<const int> FusionSearch::users(ValueId value) const {
  const auto found = users_.find(value);
  return found == users_.end() ? std::span<const int>() : std::span<const int>(found->second);
}

void FusionSearch::use(ValueId value, int position) {
  insert_sorted(users_[value], position);
}

bool FusionSearch::embedded(ValueId value) const {
  const ir::Literal* literal = constant_of(function_, value);
  return literal != nullptr && literal->shape.size() == 1;
}

std::vector<ValueId> FusionSearch::inputs(const FusionGroup& group) const {
  std::vector<ValueId> found;
  for (int member : group.members) {
    for (ValueId operand : op(member).operands) {
      if (embedded(operand) && member != group.root) continue;
      const int made = maker(operand);
      if (made >= 0 && contains(group.members, made)) continue;
      if (std::find(found.begin(), found.end(), operand) == found.end()) found.push_back(operand);
    }
  }
  return found;
}

std::vector<ValueId> FusionSearch::outputs(const FusionGroup& group) const {
  std::vector<ValueId> found;
  for (int member : group.members) {
    const std::span<const int> uses = users(result(member));
    const auto outside = [&](int user) { return !contains(group.members, user); };
    if (std::any_of(uses.begin(), uses.end(), outside)) found.push_back(result(member));
  }
  return found;
}

bool FusionSearch::member_op(int position) const {
  if (position >= static_cast<int>(ops_.size()) || taken_[static_cast<std::size_t>(position)]) {
    return false;
  }
  const Op& candidate = op(position);
  if (!ir::may_be_member(function_, candidate)) return false;
  return !users(candidate.results.front()).empty();
}

bool FusionSearch::widths_agree(const FusionGroup& group) const {
  std::size_t width = 0;
  const auto agrees = [&](ValueId value) {
    const DType dtype = type(value).dtype;
    if (dtype == DType::boolean) return true;
    if (width == 0) width = size_of(dtype);
    return size_of(dtype) == width;
  };
  return std::all_of(group.members.begin(), group.members.end(), [&](int member) {
    const std::vector<ValueId>& operands = op(member).operands;
    return agrees(result(member)) && std::all_of(operands.begin(), operands.end(), agrees);
  });
}

bool FusionSearch::within_limits(const FusionGroup& group) const {
  return group.members.size() <= ir::kMaxFusionOps &&
         inputs(group).size() <= ir::kMaxFusionInputs && widths_agree(group);
}

bool FusionSearch::closed(const FusionGroup& group) const {
  const std::vector<ValueId> out = outputs(group);
  return out.size() == 1 && type(out.front()).dtype == type(result(group.root)).dtype;
}

bool FusionSearch::placeable(const FusionGroup& group) const {
  for (int member : group.members) {
    for (int user : users(result(member))) {
      if (user < group.members.back() && !contains(group.members, user)) return false;
    }
  }
  return true;
}

// Of one of the forms that a kernel over (row, column) can address.
bool FusionSearch::epilogue_fits(const FusionGroup& group, int position) const {
  const Shape& full = shape(group.root);
  if (!identical(shape(position), full)) return false;
  const int rank = type(op(group.root).operands[1]).shape.rank();  // of the weight
  if (rank > 2) return true;  // the kernel has loops over the leading axes
  const int rows = full.rank() - (rank == 1 ? 0 : 1);
  const auto addressable = [&](ValueId operand) {
    return uniform(type(operand).shape, full, 0, rows);
  };
  const std::vector<ValueId>& operands = op(position).operands;
  return std::all_of(operands.begin(), operands.end(), addressable);
}

bool FusionSearch::consumer_fits(const FusionGroup& group, int position) const {
  return identical(shape(position), shape(group.root));
}

bool FusionSearch::reduced_fits(const FusionGroup& group, int position) const {
  const Op& root = op(group.root);
  const Shape& full = type(root.operands.front()).shape;
  const std::vector<std::int64_t>& axes = root.attrs.integers("axes");
  const auto addressable = [&](ValueId operand) {
    return uniform(type(operand).shape, full, static_cast<int>(axes.front()),
                   static_cast<int>(axes.back()) + 1);
  };
  const std::vector<ValueId>& operands = op(position).operands;
  return std::all_of(operands.begin(), operands.end(), addressable);
}

bool FusionSearch::producer_fits(const FusionGroup& group, int position) const {
  const Op& root = op(group.root);
  if (!identical(shape(position), type(root.operands.front()).shape)) return false;
  const std::span<const int> uses = users(result(position));
  const auto inside = [&](int user) { return contains(group.members, user); };
  if (!std::all_of(uses.begin(), uses.end(), inside)) return false;
  // gamma and beta are read as they are.
  if (std::count(root.operands.begin() + 1, root.operands.end(), result(position)) > 0)
    return false;
  return group.kind != FusionKind::reduction || reduced_fits(group, position);
}

// Backwards from the root: later ops first, so that the uses of each are known when it is asked.
void FusionSearch::add_producers(FusionGroup& group) const {
  std::vector<int> candidates;
  const auto consider = [&](ValueId operand) {
    const int made = maker(operand);
    if (made >= 0 && !contains(group.members, made)) insert_sorted(candidates, made);
  };
  consider(op(group.root).operands.front());
  while (!candidates.empty()) {
    const int position = candidates.back();
    candidates.pop_back();
    if (!member_op(position) || !producer_fits(group, position)) continue;
    FusionGroup larger = group;
    insert_sorted(larger.members, position);
    if (!within_limits(larger)) continue;
    group = std::move(larger);
    for (ValueId operand : op(position).operands) consider(operand);
  }
}

// Forwards, in execution order. Of the sets met, the largest that gives one value. A user that
// cannot join must read that value: so the search ends there.
void FusionSearch::add_consumers(FusionGroup& group, Accepts fits) const {
  FusionGroup larger = group;
  for (;;) {
    int next = static_cast<int>(ops_.size());
    for (int member : larger.members) {
      for (int user : users(result(member))) {
        if (!contains(larger.members, user)) next = std::min(next, user);
      }
    }
    if (!member_op(next) || !(this->*fits)(larger, next)) return;
    insert_sorted(larger.members, next);
    if (!within_limits(larger)) return;
    if (closed(larger)) group = larger;
  }
}

// What makes an operand of a new member joins when nothing else needs it earlier.
void FusionSearch::pull_producers(FusionGroup& group, int position) const {
  std::vector<int> candidates;
  const auto consider = [&](int user) {
    for (ValueId operand : op(user).operands) {
      const int made = maker(operand);
      if (made >= 0 && !contains(group.members, made)) insert_sorted(candidates, made);
    }
  };
  consider(position);
  while (!candidates.empty()) {
    const int made = candidates.back();
    candidates.pop_back();
    if (!member_op(made) || !identical(shape(made), shape(group.members.front()))) continue;
    FusionGroup larger = group;
    insert_sorted(larger.members, made);
    if (!within_limits(larger) || !placeable(larger)) continue;
    group = std::move(larger);
    consider(made);
  }
}

void FusionSearch::grow_elementwise(FusionGroup& group) const {
  std::vector<int> refused;
  for (;;) {
    int next = static_cast<int>(ops_.size());
    for (int member : group.members) {
      for (int user : users(result(member))) {
        if (!contains(group.members, user) && !contains(refused, user)) next = std::min(next, user);
      }
    }
    if (next == static_cast<int>(ops_.size())) return;
    FusionGroup larger = group;
    insert_sorted(larger.members, next);
    if (!member_op(next) || !identical(shape(next), shape(group.members.front())) ||
        !placeable(larger) || !within_limits(larger)) {
      insert_sorted(refused, next);
      continue;
    }
    pull_producers(larger, next);
    if (outputs(larger).size() > ir::kMaxFusionResults) {
      insert_sorted(refused, next);
      continue;
    }
    group = std::move(larger);
  }
}

bool FusionSearch::is_root(int position, FusionKind kind) const {
  const Op& root = op(position);
  return ir::rooted_kind(root.opcode) == kind && ir::may_be_root(function_, root) &&
         !can_fail(function_, ops_[static_cast<std::size_t>(position)]);
}

void FusionSearch::keep(FusionGroup group) {
  // Without outputs it is dead code, for another pass.
  if (group.members.size() < 2 || outputs(group).empty()) return;
  for (int member : group.members) taken_[static_cast<std::size_t>(member)] = true;
  groups_.push_back(std::move(group));
}

std::vector<FusionGroup> FusionSearch::find() {
  const int count = static_cast<int>(ops_.size());
  // The costlier the root's kernel, the more it gains by what surrounds it: dense layers choose
  // first.
  for (int i = 0; i < count; ++i) {
    if (!is_root(i, FusionKind::dense)) continue;
    FusionGroup group{FusionKind::dense, {i}, i};
    add_consumers(group, &FusionSearch::epilogue_fits);
    keep(std::move(group));
  }
  for (const FusionKind kind : {FusionKind::row, FusionKind::reduction}) {
    for (int i = 0; i < count; ++i) {
      if (!is_root(i, kind)) continue;
      FusionGroup group{kind, {i}, i};
      add_producers(group);
      add_consumers(group, &FusionSearch::consumer_fits);
      keep(std::move(group));
    }
  }
  for (int i = 0; i < count; ++i) {
    if (!member_op(i)) continue;
    FusionGroup group{FusionKind::elementwise, {i}, -1};
    if (!widths_agree(group)) continue;
    grow_elementwise(group);
    keep(std::move(group));
  }
  std::sort(groups_.begin(), groups_.end(), [](const FusionGroup& a, const FusionGroup& b) {
    return a.members.back() < b.members.back();
  });
  return std::move(groups_);
}

}  // namespace mlpjit::passes
