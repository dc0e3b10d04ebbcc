#pragma once
// The one definition of every element-wise function on floats, over any backend (backend.h).
// Normative text: docs/numerics.md.
//
// The definitions stand in the *-inl.h files, which this header puts into mlpjit::numerics and
// highway_elementwise-inl.h into each target's namespace; the first of them in arithmetic.h.
//
//   Value exp(const B&, Value x)          likewise every unary function of functions.def
//   Value add(const B&, Value, Value)     likewise every binary one
//   Value clip(const B&, Value x, Value lo, Value hi)
//   Value leaky_relu(const B&, Value x, Value alpha), elu the same, hardtanh(b, x, min, max)
//   Value apply(const B&, ir::Opcode, const Value* operands, const Params&)       any of the above
//   Value apply<opcode>(const B&, const Value* operands, const Params&)
//   Mask compare(const B&, ir::Opcode, Value, Value)      equal, not_equal, less ...
//   Mask compare<opcode>(const B&, Value, Value)

#include <string_view>
#include <variant>

#include "lib/ir/attr.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/arithmetic.h"
#include "mlpjit/error.h"

namespace mlpjit::numerics {

// The float attributes of an op; each is rounded once to the lanes' type.
struct Params {
  double alpha = 0;
  double min = 0;
  double max = 0;
};

inline Params params_of(const ir::Attrs& attrs) {
  Params params;
  const auto read = [&](std::string_view name, double& to) {
    const ir::AttrValue* value = attrs.find(name);
    if (value != nullptr && std::holds_alternative<double>(*value)) to = std::get<double>(*value);
  };
  read("alpha", params.alpha);
  read("min", params.min);
  read("max", params.max);
  return params;
}

// Float ops that apply() knows: floats in, floats out, element by element.
constexpr bool is_float_function(ir::Opcode opcode) {
  switch (opcode) {
#define MLPJIT_NUMERICS_FUNCTION(name, ...) case ir::Opcode::name:
#include "lib/numerics/functions.def"
    return true;
    default: return false;
  }
}

// About how many instructions one vector of a float function takes; 1 for all other ops.
constexpr int instruction_count(ir::Opcode opcode) {
  switch (opcode) {
#define MLPJIT_NUMERICS_FUNCTION(name, form, loops, cost) \
  case ir::Opcode::name: return cost;
#include "lib/numerics/functions.def"
    default: return 1;
  }
}

// Ops that compare() knows.
constexpr bool is_comparison(ir::Opcode opcode) {
  switch (opcode) {
    case ir::Opcode::equal:
    case ir::Opcode::not_equal:
    case ir::Opcode::less:
    case ir::Opcode::less_equal:
    case ir::Opcode::greater:
    case ir::Opcode::greater_equal: return true;
    default: return false;
  }
}

#define MLPJIT_NUMERICS_FN inline
#include "lib/numerics/elementwise-inl.h"
#undef MLPJIT_NUMERICS_FN

}  // namespace mlpjit::numerics
