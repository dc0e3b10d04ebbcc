#pragma once
// Pieces that the text printer and the dot printer share. Internal to lib/ir.

#include <string>

#include "lib/ir/graph.h"

namespace mlpjit::ir {

struct PrintStyle {
  // For cache keys: values numbered in text order, no names of inputs, functions or layers,
  // constants as bytes.
  bool canonical = false;
};
std::string print(const Graph& graph, const PrintStyle& style);

// " {alpha = 0.01}", or nothing.
std::string attrs_text(const Op& op, int indent, const PrintStyle& style);

}  // namespace mlpjit::ir
