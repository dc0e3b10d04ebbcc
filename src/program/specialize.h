#pragma once
// Programs over symbolic sizes: what the symbols are in a call, and the program with them filled
// in. A call while tracing may have symbolic sizes of its own.

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "lib/ir/graph.h"

namespace mlpjit::detail {

using SymbolSizes = std::map<std::string, std::int64_t>;

using SymbolDims = std::map<std::string, Dim>;

// Finds the symbols of `expected` from an actual shape; throws ShapeError naming `what` when they
// do not fit, or differ from what is already known. With sizes the actual shape is static.
void match_shape(const Shape& expected, const Shape& actual, const std::string& what,
                 SymbolDims& dims);
void match_shape(const Shape& expected, const Shape& actual, const std::string& what,
                 SymbolSizes& sizes);

Shape substitute(const Shape& shape, const SymbolDims& dims);
Shape substitute(const Shape& shape, const SymbolSizes& sizes);
// In every type and attribute.
ir::Graph substitute(const ir::Graph& graph, const SymbolDims& dims);
ir::Graph substitute(const ir::Graph& graph, const SymbolSizes& sizes);

}  // namespace mlpjit::detail
