// Runs at compile time what depends on constants only, with the interpreter, so that folding and
// running give the same bits by construction. Also takes the branch of a cond whose predicate is
// known, drops a while_loop whose condition is false from the start, and hands constant operands of
// a cond to its branches.
//
// An op that fails on its constants stays, to fail when it is run, as every mode must. A literal
// may outgrow its operands by a bound only: a graph must not become larger than the data it
// computes with.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "lib/interp/interp.h"
#include "lib/ir/opcodes.h"
#include "lib/passes/passes.h"
#include "lib/passes/rewrite.h"
#include "lib/support/float_env.h"
#include "mlpjit/error.h"

namespace mlpjit::passes {
namespace {

using ir::Function;
using ir::Literal;
using ir::Op;
using ir::Opcode;
using ir::OpId;
using ir::RegionId;
using ir::Type;
using ir::ValueId;

constexpr std::size_t kGrowth = 64 << 10;          // bytes results may have beyond the operands'
constexpr std::size_t kBroadcastGrowth = 1 << 10;  // a broadcast is cheaper than what it makes
constexpr int kMaxCalledOps = 1000;                // run by one folded call
constexpr std::int64_t kMaxWork = 1 << 22;         // multiply-adds, or elements, of one folded op

class Folder {
 public:
  Folder(ir::Graph& graph, Function& function, support::Isa isa)
      : graph_(graph), function_(function), isa_(isa) {}

  int run() {
    rewrite_function(function_, [&](OpId op) { return !fold(op); }, substitution_);
    return changes_;
  }

 private:
  // True when the op goes.
  bool fold(OpId id) {
    bool gone = false;
    switch (function_.op(id).opcode) {
      case Opcode::constant:
      case Opcode::print:
      case Opcode::random_uniform:
      case Opcode::random_normal:
      case Opcode::fusion:
      case Opcode::scan: return false;
      case Opcode::cond:
        gone = take_branch(id);
        if (!gone) hand_constants_to_branches(id);
        break;
      case Opcode::while_loop: gone = drop_loop(id); break;
      default: gone = run_now(id); break;
    }
    if (gone) ++changes_;
    return gone;
  }

  bool worthwhile(const Op& op) const {
    std::size_t in = 0;
    std::size_t out = 0;
    for (ValueId operand : op.operands) {
      if (constant_of(function_, operand) == nullptr) return false;
      in += ir::byte_size(function_.value(operand).type);
    }
    for (ValueId result : op.results) {
      const Type& type = function_.value(result).type;
      if (type.token || !type.shape.is_static()) return false;
      out += ir::byte_size(type);
    }
    const std::size_t growth = op.opcode == Opcode::broadcast_to ? kBroadcastGrowth : kGrowth;
    return out <= in + growth && work(op) <= kMaxWork;
  }

  std::int64_t work(const Op& op) const {
    std::int64_t elements = 0;
    for (ValueId operand : op.operands) elements += function_.value(operand).type.shape.size();
    if (op.opcode != Opcode::matmul && op.opcode != Opcode::dense) return elements;
    const Shape& x = function_.value(op.operands[0]).type.shape;
    const std::int64_t results = function_.value(op.results[0]).type.shape.size();
    return std::max(elements, results * x[x.rank() - 1].value());
  }

  // Only what is bounded and pure, as far as calls lead.
  bool callable(const Function& callee, int& budget) const {
    if (!callee.updates().empty()) return false;
    bool good = true;
    for_each_op(callee, Function::kBody, [&](OpId id) {
      const Op& op = callee.op(id);
      good = good && --budget > 0 && op.opcode != Opcode::print && op.regions.empty();
      for (ValueId result : op.results) {
        const Type& type = callee.value(result).type;
        good = good && !type.token && type.shape.is_static() && ir::byte_size(type) <= kGrowth;
      }
      good = good && (op.opcode != Opcode::call || callable(op, budget));
    });
    return good;
  }
  bool callable(const Op& call, int& budget) const {
    const Function* callee = graph_.find(call.attrs.get<ir::FunctionRef>("callee").name);
    return callee != nullptr && callable(*callee, budget);
  }

  bool run_now(OpId id) {
    const Op& op = function_.op(id);
    if (ir::info(op.opcode).has(ir::kRegion) || !worthwhile(op)) return false;
    int budget = kMaxCalledOps;
    if (op.opcode == Opcode::call && !callable(op, budget)) return false;
    std::vector<interp::View> operands;
    for (ValueId operand : op.operands) {
      const Literal& literal = *constant_of(function_, operand);
      operands.push_back(
          {literal.dtype, literal.shape, const_cast<std::byte*>(literal.bytes->data())});
    }
    std::vector<std::vector<std::byte>> memory;
    std::vector<interp::View> results;
    for (ValueId result : op.results) {
      const Type& type = function_.value(result).type;
      memory.emplace_back(ir::byte_size(type));
      results.push_back({type.dtype, type.shape, memory.back().data()});
    }
    try {
      if (op.opcode == Opcode::call) {
        interp::run(graph_, *graph_.find(op.attrs.get<ir::FunctionRef>("callee").name), operands,
                    results, isa_);
      } else {
        interp::evaluate(op.opcode, op.attrs, operands, results, isa_);
      }
    } catch (const UserError&) {
      return false;  // it fails when it is run
    }
    replace_by_constants(id, std::move(memory));
    return true;
  }

  void replace_by_constants(OpId id, std::vector<std::vector<std::byte>> memory) {
    const Op op = function_.op(id);
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      const Type type = function_.value(op.results[i]).type;
      Literal literal{type.dtype, type.shape,
                      std::make_shared<const std::vector<std::byte>>(std::move(memory[i]))};
      const ValueId constant = add_constant(function_, op.parent, std::move(literal), op.path);
      take_name(function_, op.results[i], constant);
      substitution_.replace(op.results[i], constant);
    }
  }

  // The region's ops take the op's place, with its operands for arguments.
  void replace_by_region(OpId id, RegionId region, std::vector<ValueId> operands) {
    const Op op = function_.op(id);
    const std::vector<ValueId> arguments = function_.region(region).arguments;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      substitution_.replace(arguments[i], operands.at(i));
    }
    splice(function_, region, op.parent, substitution_);
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      substitution_.replace(op.results[i], function_.region(region).results[i]);
    }
  }

  bool take_branch(OpId id) {
    const Op& op = function_.op(id);
    const std::optional<double> predicate = splat_number(function_, op.operands.front());
    if (!predicate) return false;
    replace_by_region(id, op.regions.at(*predicate != 0 ? 0 : 1),
                      {op.operands.begin() + 1, op.operands.end()});
    return true;
  }

  // A branch may use values around it, so a constant need not come as an argument; then ops in the
  // branch fold.
  void hand_constants_to_branches(OpId id) {
    Op& op = function_.op(id);
    for (std::size_t i = op.operands.size(); i-- > 1;) {
      const ValueId operand = op.operands[i];
      if (constant_of(function_, operand) == nullptr) continue;
      // May be a random state, which only one op may consume.
      if (function_.value(operand).type == Type{DType::i64, {2}}) continue;
      for (RegionId nested : op.regions) {
        std::vector<ValueId>& arguments = function_.region(nested).arguments;
        const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i - 1);
        function_.replace_uses(*at, operand);
        for (auto later = arguments.erase(at); later != arguments.end(); ++later) {
          --function_.value(*later).index;
        }
      }
      op.operands.erase(op.operands.begin() + static_cast<std::ptrdiff_t>(i));
      ++changes_;
    }
  }

  // No iterations: none are allowed, or the condition yields a known false and does nothing else
  // that matters.
  bool runs_never(const Op& op) const {
    if (op.attrs.integer("max_iterations") == 0) return true;
    const ir::Region& condition = function_.region(op.regions.front());
    Necessity necessity(graph_);
    for (OpId inner : condition.ops) {
      if (necessity.must_run(function_, inner)) return false;
    }
    return splat_number(function_, condition.results.front()) == 0.0;
  }

  bool drop_loop(OpId id) {
    const Op& op = function_.op(id);
    if (!runs_never(op)) return false;
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      substitution_.replace(op.results[i], op.operands[i]);
    }
    return true;
  }

  ir::Graph& graph_;
  Function& function_;
  support::Isa isa_;
  Substitution substitution_;
  int changes_ = 0;
};

}  // namespace

int fold(ir::Graph& graph, support::Isa isa) {
  const support::FloatEnvScope environment;
  int changes = 0;
  for (const auto& function : graph.functions()) {
    changes += Folder(graph, *function, isa).run();
  }
  return changes;
}

}  // namespace mlpjit::passes
