#pragma once
// Sizes that are known only in a call: what the symbols of shapes stand for, found from the shapes
// of inputs, and shapes and programs with that in the symbols' place.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "lib/ir/graph.h"

namespace mlpjit::ir {

// What symbols stand for: a number, or, in a trace, a size of the trace, which may have a symbol of
// its own.
using Sizes = std::map<std::string, Dim>;

// Adds what the symbols of `expected` are when the shape is `actual`; throws ShapeError naming
// `what` where the shapes do not fit, or a symbol has another size already.
void match_shape(const Shape& expected, const Shape& actual, const std::string& what, Sizes& sizes);

Shape substitute(const Shape& shape, const Sizes& sizes);
// In every type and attribute.
Graph substitute(const Graph& graph, const Sizes& sizes);

// "M = 5, N = 1".
std::string to_string(const Sizes& sizes);
std::uint64_t hash(const Sizes& sizes);

// Most programs have one symbol at most, the batch size, which is found at every call. There it is
// a number, kUnknownSize where it is not known so far.
inline constexpr std::int64_t kUnknownSize = -1;

// Where the shapes of a program's inputs show its one symbol: the first axis that has it.
struct SymbolAxis {
  std::size_t input = 0;
  int axis = 0;
  Dim dim;  // in the shape of the input

  // The symbol's size where that input has a shape without symbols.
  std::int64_t size(const Shape& shape) const {
    return (shape.sizes()[static_cast<std::size_t>(axis)] - dim.offset()) / dim.coefficient();
  }
};
std::optional<SymbolAxis> find_symbol(const Function& function);

// Whether a shape without symbols is `expected` for a size of the one symbol, which is found where
// it is unknown.
bool fits(const Shape& expected, const Shape& actual, std::int64_t& size);
// The shape whose symbol, if it has one, is that size.
Shape sized(const Shape& shape, std::int64_t size);

}  // namespace mlpjit::ir
