#pragma once
// What the inputs and results of a main function are, kept beside the executable made from it.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::runtime {

struct Signature {
  std::vector<ir::Input> inputs;
  std::vector<ir::Type> input_types;
  std::vector<ir::Type> result_types;
  std::vector<std::uint32_t> updated_inputs;  // those with memory: no tokens

  // The symbol of the batch size, "" where all sizes are known, and an input that tells its value.
  std::string symbol;
  std::size_t batch_input = 0;
  int batch_axis = 0;

  // The batch size of a call, by the shape of that input; 0 where all sizes are known.
  std::int64_t batch(const Shape& shape_of_batch_input) const;
};

// Throws UserError with symbolic_obstacle().
Signature signature_of(const ir::Function& main);

// Why one executable cannot serve every value of the graph's symbols: there are several, a value
// has a size beyond the square of the symbol, or no input tells what it is.
std::optional<std::string> symbolic_obstacle(const ir::Function& main);

}  // namespace mlpjit::runtime
