#pragma once
// The order in which nodes can be run.

#include <cstddef>
#include <vector>

#include "src/exchange/onnx_model.h"

namespace mlpjit::onnx {

// Nodes, by their places, after those whose results they take: as they stand, where that is so. In
// a circle none is after all others: those stand at the end.
std::vector<std::size_t> in_order(const std::vector<Node>& nodes);

}  // namespace mlpjit::onnx
