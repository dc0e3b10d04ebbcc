#pragma once
// The functions whose error is measured, and what they must keep.

#include <array>
#include <string_view>

#include "lib/ir/opcodes.h"

namespace mlpjit::ulp {

struct Function {
  ir::Opcode opcode;
  std::string_view name;
  double bound_f32;  // largest error allowed, in ULP
  double bound_f64;
};

inline constexpr std::array kFunctions = {
    Function{ir::Opcode::exp, "exp", 1.0, 1.0},
    Function{ir::Opcode::log, "log", 1.0, 1.0},
    Function{ir::Opcode::expm1, "expm1", 1.0, 1.0},
    Function{ir::Opcode::log1p, "log1p", 1.0, 1.0},
    Function{ir::Opcode::tanh, "tanh", 2.0, 2.0},
    Function{ir::Opcode::sigmoid, "sigmoid", 2.0, 2.0},
    Function{ir::Opcode::softplus, "softplus", 3.0, 3.0},
    Function{ir::Opcode::silu, "silu", 3.0, 3.0},
    Function{ir::Opcode::erf, "erf", 2.0, 2.0},
    Function{ir::Opcode::gelu, "gelu", 3.0, 3.0},
    Function{ir::Opcode::gelu_tanh, "gelu_tanh", 3.0, 3.0},
    Function{ir::Opcode::sin, "sin", 1.5, 1.5},
    Function{ir::Opcode::cos, "cos", 1.5, 1.5},
    Function{ir::Opcode::rsqrt, "rsqrt", 1.5, 1.5},
    Function{ir::Opcode::pow, "pow", 2.0, 2.0},
};

}  // namespace mlpjit::ulp
