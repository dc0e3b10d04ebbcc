#include "src/model/check_cost.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "lib/ir/opcodes.h"

namespace mlpjit::detail {
namespace {

constexpr std::uint64_t kOfOneOp = 128;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > kEndless - b ? kEndless : a + b;
}
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > kEndless / b ? kEndless : a * b;
}

std::uint64_t elements(const Shape& shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape.sizes())
    count = product(count, static_cast<std::uint64_t>(size));
  return count;
}

class Cost {
 public:
  explicit Cost(const ir::Graph& graph) : graph_(graph) {}

  std::uint64_t of(const ir::Function& function) {
    if (const auto known = known_.find(function.name()); known != known_.end())
      return known->second;
    return known_[function.name()] = of(function, ir::Function::kBody);
  }

 private:
  std::uint64_t of(const ir::Function& function, ir::RegionId region) {
    std::uint64_t total = 0;
    for (const ir::OpId op : function.region(region).ops)
      total = sum(total, of(function, function.op(op)));
    return total;
  }

  std::uint64_t of(const ir::Function& function, const ir::Op& op) {
    std::uint64_t moved = kOfOneOp;  // finding it, and room for what it gives
    for (const std::vector<ir::ValueId>* values : {&op.operands, &op.results}) {
      for (const ir::ValueId id : *values) {
        const ir::Type& type = function.value(id).type;
        if (type.token) return kEndless;
        moved = sum(moved, elements(type.shape));
      }
    }
    std::uint64_t inside = 0;
    for (const ir::RegionId region : op.regions) inside = sum(inside, of(function, region));
    switch (op.opcode) {
      case ir::Opcode::random_uniform:
      case ir::Opcode::random_normal: return kEndless;
      case ir::Opcode::call:
        return sum(moved, of(*graph_.find(op.attrs.get<ir::FunctionRef>("callee").name)));
      case ir::Opcode::while_loop: {
        const std::int64_t rounds = op.attrs.get<std::int64_t>("max_iterations");
        return rounds < 0 ? kEndless
                          : product(static_cast<std::uint64_t>(rounds) + 1, sum(moved, inside));
      }
      case ir::Opcode::scan:
        return sum(moved, product(rounds_of_scan(function, op), sum(kOfOneOp, inside)));
      case ir::Opcode::matmul:
      case ir::Opcode::dense: {
        const Shape& left = function.value(op.operands.front()).type.shape;
        const std::uint64_t depth =
            left.rank() == 0 ? 1 : static_cast<std::uint64_t>(left.sizes().back());
        return sum(moved, product(elements(function.value(op.results.front()).type.shape), depth));
      }
      default: return sum(product(moved, weight(op.opcode)), inside);
    }
  }

  // An element of a function takes as long as so many that are moved.
  static std::uint64_t weight(ir::Opcode opcode) {
    switch (opcode) {
      case ir::Opcode::pow: return 64;
      case ir::Opcode::tanh:
      case ir::Opcode::sigmoid:
      case ir::Opcode::softplus:
      case ir::Opcode::silu:
      case ir::Opcode::erf:
      case ir::Opcode::gelu:
      case ir::Opcode::gelu_tanh:
      case ir::Opcode::exp:
      case ir::Opcode::expm1:
      case ir::Opcode::log:
      case ir::Opcode::log1p:
      case ir::Opcode::sin:
      case ir::Opcode::cos:
      case ir::Opcode::elu:
      case ir::Opcode::softmax:
      case ir::Opcode::log_softmax: return 16;
      default: return 2;
    }
  }

  static std::uint64_t rounds_of_scan(const ir::Function& function, const ir::Op& op) {
    const auto carried = static_cast<std::size_t>(op.attrs.get<std::int64_t>("carried"));
    if (carried >= op.operands.size()) return 0;
    const Shape& xs = function.value(op.operands[carried]).type.shape;
    return xs.rank() == 0 ? 0 : static_cast<std::uint64_t>(xs.sizes().front());
  }

  const ir::Graph& graph_;
  std::unordered_map<std::string, std::uint64_t> known_;
};

}  // namespace

std::uint64_t check_cost(const ir::Graph& graph) {
  const ir::Function& main = graph.main();
  const bool draws_or_prints =
      std::any_of(main.inputs().begin(), main.inputs().end(), [](const ir::Input& input) {
        return input.kind == ir::InputKind::state || input.kind == ir::InputKind::token;
      });
  return draws_or_prints ? kEndless : Cost(graph).of(main);
}

}  // namespace mlpjit::detail
