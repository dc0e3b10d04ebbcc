#pragma once
// What the inputs and results of a main function are, kept beside the executable made from it.

#include <cstdint>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::jit {

struct Signature {
  std::vector<ir::Input> inputs;
  std::vector<ir::Type> input_types;
  std::vector<ir::Type> result_types;
  std::vector<std::uint32_t> updated_inputs;  // those with memory: no tokens
};

// Throws UserError when a shape is symbolic: an executable is made for sizes.
Signature signature_of(const ir::Function& main);

}  // namespace mlpjit::jit
