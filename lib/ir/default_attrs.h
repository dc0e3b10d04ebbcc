#pragma once
// What an attribute is when hand-written text leaves it out: the default of the user's function of
// that name. Internal to lib/ir.

#include <numeric>
#include <optional>
#include <span>

#include "lib/ir/attr.h"
#include "lib/ir/opcode.h"

namespace mlpjit::ir {

inline std::optional<AttrValue> default_attr(Opcode opcode, std::string_view name,
                                             std::span<const Type> operands) {
  const std::int64_t rank = operands.empty() ? 0 : operands[0].shape.rank();
  std::vector<std::int64_t> axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  if (name == "axes") return axes;
  if (name == "permutation") return std::vector<std::int64_t>(axes.rbegin(), axes.rend());
  if (name == "keepdims") return false;
  if (name == "alpha") return opcode == Opcode::leaky_relu ? 0.01 : 1.0;
  if (name == "epsilon") return 1e-5;
  if (name == "min") return -1.0;
  if (name == "max") return 1.0;
  if (name == "step") return std::int64_t{1};
  if (name == "max_iterations") return std::int64_t{-1};
  if (opcode == Opcode::softmax || opcode == Opcode::log_softmax) return rank - 1;
  if (name == "axis" && (opcode == Opcode::concat || opcode == Opcode::gather))
    return std::int64_t{0};
  return std::nullopt;
}

}  // namespace mlpjit::ir
