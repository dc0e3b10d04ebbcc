#include "src/graph/specialize.h"

#include "mlpjit/error.h"

namespace mlpjit::detail {

namespace {

[[noreturn]] void fail(const Shape& expected, const Shape& actual, const std::string& what,
                       const std::string& why) {
  throw ShapeError(what + ": expected the shape " + to_string(expected) + ", got " +
                   to_string(actual) + why);
}

}  // namespace

void match_shape(const Shape& expected, const Shape& actual, const std::string& what,
                 SymbolSizes& sizes) {
  if (expected.rank() != actual.rank()) fail(expected, actual, what, "");
  for (int i = 0; i < expected.rank(); ++i) {
    const Dim want = expected[i];
    const std::int64_t have = actual[i].value();
    if (want.is_static()) {
      if (want.offset() != have) fail(expected, actual, what, "");
      continue;
    }
    const std::int64_t rest = have - want.offset();
    if (rest % want.coefficient() != 0 || rest / want.coefficient() < 0) {
      fail(expected, actual, what, ", for which there is no " + want.symbol());
    }
    const std::int64_t size = rest / want.coefficient();
    const auto [known, added] = sizes.emplace(want.symbol(), size);
    if (!added && known->second != size) {
      fail(expected, actual, what,
           ": " + want.symbol() + " is " + std::to_string(known->second) +
               " by an earlier input, " + std::to_string(size) + " here");
    }
  }
}

Shape substitute(const Shape& shape, const SymbolSizes& sizes) {
  if (shape.is_static()) return shape;
  Shape result = shape;
  for (const auto& [symbol, size] : sizes) result = result.substitute(symbol, size);
  return result;
}

ir::Graph substitute(const ir::Graph& graph, const SymbolSizes& sizes) {
  ir::Graph result = graph.clone();
  for (const std::unique_ptr<ir::Function>& function : result.functions()) {
    for (std::size_t i = 0; i < function->value_count(); ++i) {
      ir::Type& type = function->value(ir::ValueId(i)).type;
      type.shape = substitute(type.shape, sizes);
    }
    for (std::size_t i = 0; i < function->op_count(); ++i) {
      ir::Attrs& attrs = function->op(ir::OpId(i)).attrs;
      ir::Attrs changed = attrs;
      for (const auto& [name, value] : attrs) {
        if (const Shape* shape = std::get_if<Shape>(&value))
          changed.set(name, substitute(*shape, sizes));
      }
      attrs = std::move(changed);
    }
  }
  return result;
}

}  // namespace mlpjit::detail
