#pragma once
// The interface of a program, inputs and results of its main function, kept beside the executable
// made from it.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/ir/sizes.h"

namespace mlpjit::runtime {

struct Interface {
  std::vector<ir::Input> inputs;
  std::vector<ir::Type> input_types;
  std::vector<ir::Type> result_types;
  std::vector<std::uint32_t> updated_inputs;  // those with memory: no tokens

  std::optional<ir::SymbolAxis> symbol;  // of the batch size; none where all sizes are known

  // The batch size of a call whose input i has the shape `shape_of(i)`; 0 where all sizes are
  // known.
  template <class ShapeOf>
  std::int64_t batch(const ShapeOf& shape_of) const {
    return symbol ? symbol->size(shape_of(symbol->input)) : 0;
  }
};

// Throws UserError with symbolic_obstacle().
Interface interface_of(const ir::Function& main);

// Why one executable cannot serve every value of the graph's symbols: there are several, a value
// has a size beyond the square of the symbol, or no input tells what it is.
std::optional<std::string> symbolic_obstacle(const ir::Function& main);

}  // namespace mlpjit::runtime
