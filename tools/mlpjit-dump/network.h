#pragma once
// A multi-layer perceptron given by its sizes, as the graph that tracing it would give.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::dump {

struct NetworkSpec {
  std::vector<std::int64_t> sizes;
  std::string activation = "relu";  // of every layer but the last; "none" for none
  std::int64_t batch = 1;
  DType dtype = DType::f32;
};

// "512-256-128-2", or nothing when the text is no such list. Throws UserError on sizes that do not
// fit an integer.
std::optional<std::vector<std::int64_t>> parse_sizes(const std::string& text);

// Throws UserError on a negative batch or an activation that is no element-wise op of one operand.
ir::Graph make_network(const NetworkSpec& spec);

// Names of the activations that need no attributes.
std::vector<std::string> activation_names();

}  // namespace mlpjit::dump
