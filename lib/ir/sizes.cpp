#include "lib/ir/sizes.h"

#include <functional>
#include <utility>

#include "mlpjit/error.h"

namespace mlpjit::ir {

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

// The same among numbers.
std::int64_t solve(const Dim& want, std::int64_t have) {
  std::int64_t rest = 0;
  if (__builtin_sub_overflow(have, want.offset(), &rest)) return kUnknownSize;
  const std::int64_t size = rest / want.coefficient();
  return rest % want.coefficient() == 0 && size >= 0 ? size : kUnknownSize;
}

}  // namespace

void match_shape(const Shape& expected, const Shape& actual, const std::string& what,
                 Sizes& sizes) {
  if (expected.rank() != actual.rank()) fail(expected, actual, what, "");
  for (int i = 0; i < expected.rank(); ++i) {
    const Dim want = expected[i], have = actual[i];
    if (want.is_static()) {
      if (!identical(want, have)) fail(expected, actual, what, "");
      continue;
    }
    const std::optional<Dim> size = solve(want, have);
    if (!size) fail(expected, actual, what, ", for which there is no " + want.symbol());
    const auto [known, added] = sizes.emplace(want.symbol(), *size);
    if (!added && !identical(known->second, *size)) {
      fail(expected, actual, what,
           ": " + want.symbol() + " is " + to_string(known->second) + " by an earlier input, " +
               to_string(*size) + " here");
    }
  }
}

Shape substitute(const Shape& shape, const Sizes& sizes) {
  if (shape.is_static()) return shape;
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) {
    const Dim dim = shape[i];
    const auto found = sizes.find(dim.symbol());
    const bool known = !dim.is_static() && found != sizes.end();
    result.push_back(known ? Dim(dim.coefficient()) * found->second + Dim(dim.offset()) : dim);
  }
  return result;
}

Graph substitute(const Graph& graph, const Sizes& sizes) {
  Graph result = graph.clone();
  for (const std::unique_ptr<Function>& function : result.functions()) {
    for (std::size_t i = 0; i < function->value_count(); ++i) {
      Type& type = function->value(ValueId(i)).type;
      type.shape = substitute(type.shape, sizes);
    }
    for (std::size_t i = 0; i < function->op_count(); ++i) {
      Attrs& attrs = function->op(OpId(i)).attrs;
      Attrs changed = attrs;
      for (const auto& [name, value] : attrs) {
        if (const Shape* shape = std::get_if<Shape>(&value))
          changed.set(name, substitute(*shape, sizes));
      }
      attrs = std::move(changed);
    }
  }
  return result;
}

std::string to_string(const Sizes& sizes) {
  std::string text;
  for (const auto& [symbol, size] : sizes)
    text += (text.empty() ? "" : ", ") + symbol + " = " + to_string(size);
  return text;
}

std::uint64_t hash(const Sizes& sizes) {
  std::uint64_t code = 0;
  const std::hash<std::string> hash_text;
  for (const auto& [symbol, size] : sizes) {
    for (const std::uint64_t word : {hash_text(symbol), hash_text(size.symbol()),
                                     static_cast<std::uint64_t>(size.coefficient()),
                                     static_cast<std::uint64_t>(size.offset())}) {
      code = code * 31 + word;
    }
  }
  return code;
}

std::optional<SymbolAxis> find_symbol(const Function& function) {
  const std::vector<ValueId>& arguments = function.body().arguments;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Shape& shape = function.value(arguments[i]).type.shape;
    for (int axis = 0; axis < shape.rank() && !shape.is_static(); ++axis) {
      if (Dim dim = shape[axis]; !dim.is_static()) return SymbolAxis{i, axis, std::move(dim)};
    }
  }
  return std::nullopt;
}

bool fits(const Shape& expected, const Shape& actual, std::int64_t& size) {
  if (expected.is_static()) return identical(expected, actual);
  if (actual.rank() != expected.rank()) return false;
  const std::span<const std::int64_t> sizes = actual.sizes();
  for (int axis = 0; axis < expected.rank(); ++axis) {
    const Dim want = expected[axis];
    const std::int64_t have = sizes[static_cast<std::size_t>(axis)];
    if (want.is_static()) {
      if (have != want.offset()) return false;
      continue;
    }
    const std::int64_t solved = solve(want, have);
    if (solved == kUnknownSize || (size != kUnknownSize && solved != size)) return false;
    size = solved;
  }
  return true;
}

Shape sized(const Shape& shape, std::int64_t size) {
  if (shape.is_static()) return shape;
  Shape result;
  for (int i = 0; i < shape.rank(); ++i)
    result.push_back(shape[i].substitute(shape[i].symbol(), size));
  return result;
}

}  // namespace mlpjit::ir
