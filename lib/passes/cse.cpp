// Computes each thing once: an op with the opcode, attributes and operands of one that already ran
// gives that one's results. Attributes and literals are compared on the bits; the operands of
// commutative ops in any order.
//
// An op inside a region may use one of an enclosing region, never the other way round. Left alone:
// ops that may fail (each stays where it is), ops with regions, calls, and whatever takes a token.
// Random draws never meet their like, since a state is consumed once; values that may serve as a
// state (i64[2], beside random ops) stay apart for that reason.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/ir/opcodes.h"
#include "lib/passes/passes.h"
#include "lib/passes/rewrite.h"

namespace mlpjit::passes {
namespace {

using ir::Function;
using ir::Op;
using ir::Opcode;
using ir::OpId;
using ir::RegionId;
using ir::ValueId;

class Hasher {
 public:
  Hasher() { XXH3_64bits_reset(&state_); }
  void add(const void* data, std::size_t bytes) { XXH3_64bits_update(&state_, data, bytes); }
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void add(T value) {
    add(&value, sizeof(value));
  }
  void add(const Shape& shape) {
    add(shape.rank());
    for (int i = 0; i < shape.rank(); ++i) {
      const Dim dim = shape[i];
      add(dim.coefficient());
      add(dim.offset());
      add(dim.symbol().data(), dim.symbol().size());
    }
  }
  std::uint64_t result() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;
};

struct AddAttribute {
  Hasher& hash;
  void operator()(bool value) const { hash.add(value); }
  void operator()(std::int64_t value) const { hash.add(value); }
  void operator()(double value) const {
    hash.add(std::isnan(value) ? std::uint64_t{1} : std::bit_cast<std::uint64_t>(value));
  }
  void operator()(const std::string& value) const { hash.add(value.data(), value.size()); }
  void operator()(const std::vector<std::int64_t>& value) const {
    hash.add(value.size());
    hash.add(value.data(), value.size() * sizeof(std::int64_t));
  }
  void operator()(DType value) const { hash.add(value); }
  void operator()(const Shape& value) const { hash.add(value); }
  void operator()(const ir::Literal& value) const {
    hash.add(value.dtype);
    hash.add(value.shape);
    hash.add(value.bytes->data(), value.bytes->size());
  }
  void operator()(const ir::FunctionRef& value) const { (*this)(value.name); }
};

std::vector<ValueId> key_operands(const Op& op) {
  std::vector<ValueId> operands = op.operands;
  if (ir::info(op.opcode).has(ir::kCommutative)) std::sort(operands.begin(), operands.end());
  return operands;
}

std::uint64_t hash_op(const Op& op) {
  Hasher hash;
  hash.add(op.opcode);
  for (ValueId operand : key_operands(op)) hash.add(operand.index);
  for (const auto& [name, value] : op.attrs) std::visit(AddAttribute{hash}, value);
  return hash.result();
}

class CommonSubexpressions {
 public:
  explicit CommonSubexpressions(Function& function) : function_(function) {
    for_each_op(function, Function::kBody,
                [&](OpId id) { draws_ = draws_ || is_random(function.op(id).opcode); });
  }

  int run() {
    visit_region(Function::kBody);
    for (ir::Update& update : function_.updates()) update.value = substitution_(update.value);
    return changes_;
  }

 private:
  static bool is_random(Opcode opcode) {
    return opcode == Opcode::random_uniform || opcode == Opcode::random_normal;
  }

  bool eligible(OpId id) const {
    const Op& op = function_.op(id);
    const ir::OpInfo& info = ir::info(op.opcode);
    if (op.opcode == Opcode::call || is_random(op.opcode)) return false;
    if (info.has(ir::kRegion) || info.has(ir::kEffect) || can_fail(function_, id)) return false;
    const ir::Type state{DType::i64, {2}};
    return !draws_ || std::none_of(op.results.begin(), op.results.end(), [&](ValueId result) {
      return function_.value(result).type == state;
    });
  }

  bool same(OpId a, OpId b) const {
    const Op& x = function_.op(a);
    const Op& y = function_.op(b);
    return x.opcode == y.opcode && key_operands(x) == key_operands(y) && x.attrs == y.attrs &&
           function_.types(x.results) == function_.types(y.results);
  }

  bool reuse(OpId id) {
    if (!eligible(id)) return false;
    const std::uint64_t hash = hash_op(function_.op(id));
    std::vector<OpId>& alike = seen_[hash];
    const auto found =
        std::find_if(alike.begin(), alike.end(), [&](OpId b) { return same(b, id); });
    if (found == alike.end()) {
      alike.push_back(id);
      scope_.push_back(hash);
      return false;
    }
    const Op& kept = function_.op(*found);
    const Op& dropped = function_.op(id);
    for (std::size_t i = 0; i < dropped.results.size(); ++i) {
      substitution_.replace(dropped.results[i], kept.results[i]);
    }
    ++changes_;
    return true;
  }

  // Outer ops first: what they give is visible in the regions they hold.
  void visit_region(RegionId region) {
    const std::size_t outer = scope_.size();
    std::erase_if(function_.region(region).ops, [&](OpId id) {
      substitution_.apply(function_.op(id).operands);
      // A fusion sees only its arguments: what is outside cannot replace what is inside.
      if (function_.op(id).opcode == Opcode::fusion) return false;
      for (RegionId nested : function_.op(id).regions) visit_region(nested);
      return reuse(id);
    });
    substitution_.apply(function_.region(region).results);
    while (scope_.size() > outer) {
      seen_[scope_.back()].pop_back();
      scope_.pop_back();
    }
  }

  Function& function_;
  bool draws_ = false;
  std::unordered_map<std::uint64_t, std::vector<OpId>> seen_;
  std::vector<std::uint64_t> scope_;  // what the open regions have put into seen_
  Substitution substitution_;
  int changes_ = 0;
};

}  // namespace

int cse(ir::Graph& graph) {
  int changes = 0;
  for (const auto& function : graph.functions()) changes += CommonSubexpressions(*function).run();
  return changes;
}

}  // namespace mlpjit::passes
