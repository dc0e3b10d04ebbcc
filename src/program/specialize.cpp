#include "src/program/specialize.h"

#include <optional>

#include "mlpjit/error.h"

namespace mlpjit::detail {

namespace {

[[noreturn]] void fail(const Shape& expected, const Shape& actual, const std::string& what,
                       const std::string& why) {
  throw ShapeError(what + ": expected the shape " + to_string(expected) + ", got " +
                   to_string(actual) + why);
}

// The size s for which `want`, c * s + d, is `have`; nothing when there is none.
std::optional<Dim> solve(const Dim& want, const Dim& have) {
  const Dim rest = have - Dim(want.offset());
  const std::int64_t c = want.coefficient();
  if (rest.coefficient() % c != 0 || rest.offset() % c != 0) return std::nullopt;
  Dim size(rest.coefficient() / c, rest.symbol(), rest.offset() / c);
  if (size.is_static() && size.offset() < 0) return std::nullopt;
  return size;
}

SymbolDims dims_of(const SymbolSizes& sizes) {
  SymbolDims dims;
  for (const auto& [symbol, size] : sizes) dims.emplace(symbol, Dim(size));
  return dims;
}

}  // namespace

void match_shape(const Shape& expected, const Shape& actual, const std::string& what,
                 SymbolDims& dims) {
  if (expected.rank() != actual.rank()) fail(expected, actual, what, "");
  for (int i = 0; i < expected.rank(); ++i) {
    const Dim want = expected[i], have = actual[i];
    if (want.is_static()) {
      if (!identical(want, have)) fail(expected, actual, what, "");
      continue;
    }
    const std::optional<Dim> size = solve(want, have);
    if (!size) fail(expected, actual, what, ", for which there is no " + want.symbol());
    const auto [known, added] = dims.emplace(want.symbol(), *size);
    if (!added && !identical(known->second, *size)) {
      fail(expected, actual, what,
           ": " + want.symbol() + " is " + to_string(known->second) + " by an earlier input, " +
               to_string(*size) + " here");
    }
  }
}

void match_shape(const Shape& expected, const Shape& actual, const std::string& what,
                 SymbolSizes& sizes) {
  SymbolDims dims = dims_of(sizes);
  match_shape(expected, actual, what, dims);
  for (const auto& [symbol, size] : dims) sizes[symbol] = size.value();
}

Shape substitute(const Shape& shape, const SymbolDims& dims) {
  if (shape.is_static()) return shape;
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) {
    const Dim dim = shape[i];
    const auto found = dims.find(dim.symbol());
    const bool known = !dim.is_static() && found != dims.end();
    result.push_back(known ? Dim(dim.coefficient()) * found->second + Dim(dim.offset()) : dim);
  }
  return result;
}

Shape substitute(const Shape& shape, const SymbolSizes& sizes) {
  return substitute(shape, dims_of(sizes));
}

ir::Graph substitute(const ir::Graph& graph, const SymbolSizes& sizes) {
  return substitute(graph, dims_of(sizes));
}

ir::Graph substitute(const ir::Graph& graph, const SymbolDims& dims) {
  ir::Graph result = graph.clone();
  for (const std::unique_ptr<ir::Function>& function : result.functions()) {
    for (std::size_t i = 0; i < function->value_count(); ++i) {
      ir::Type& type = function->value(ir::ValueId(i)).type;
      type.shape = substitute(type.shape, dims);
    }
    for (std::size_t i = 0; i < function->op_count(); ++i) {
      ir::Attrs& attrs = function->op(ir::OpId(i)).attrs;
      ir::Attrs changed = attrs;
      for (const auto& [name, value] : attrs) {
        if (const Shape* shape = std::get_if<Shape>(&value))
          changed.set(name, substitute(*shape, dims));
      }
      attrs = std::move(changed);
    }
  }
  return result;
}

}  // namespace mlpjit::detail
