#pragma once
// Instruction sets mlpjit chooses between, for the interpreter's kernels and for generated code
// alike.

#include <cstdint>
#include <optional>
#include <string_view>

#include "mlpjit/isa.h"

namespace mlpjit::support {

using mlpjit::Isa;

// The widest set of this CPU and operating system, read once.
Isa detect_isa();
// detect_isa() capped by the environment variable MLPJIT_MAX_ISA (read once; UserError on an
// unknown name).
Isa default_isa();
std::optional<Isa> isa_from_name(std::string_view name);

}  // namespace mlpjit::support
