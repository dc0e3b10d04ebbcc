// Ops of ONNX that ask for shapes and make others of them.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "mlpjit/create.h"
#include "mlpjit/error.h"
#include "src/onnx/axes.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

// Each size where the other is 1.
Shape broadcast_shape(const Shape& a, const Shape& b) {
  std::vector<Dim> dims;
  const int rank = std::max(a.rank(), b.rank());
  for (int i = 0; i < rank; ++i) {
    const int in_a = i - (rank - a.rank()), in_b = i - (rank - b.rank());
    const Dim one_a = in_a < 0 ? Dim(1) : a[in_a], one_b = in_b < 0 ? Dim(1) : b[in_b];
    if (!identical(one_a, one_b) && !identical(one_a, Dim(1)) && !identical(one_b, Dim(1))) {
      throw ShapeError(
          fmt::format("{} and {} do not broadcast to each other: the sizes must be equal",
                      to_string(a), to_string(b)));
    }
    dims.push_back(identical(one_a, Dim(1)) ? one_b : one_a);
  }
  return shape_of(dims);
}

Dim product(const std::vector<Dim>& dims, std::size_t from, std::size_t to) {
  Dim result(1);
  for (std::size_t i = from; i < to; ++i) result = result * dims[i];
  return result;
}

Values shape(const Call& call) {
  const std::vector<Dim> dims =
      dims_of(call.value(0).is_text ? call.codes(0).shape() : call.shape(0));
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto place = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t from = place(call.i("start", 0)), to = place(call.i("end", rank));
  Sizes sizes;
  for (std::int64_t i = from; i < to; ++i)
    sizes.elements.push_back(dims[static_cast<std::size_t>(i)]);
  sizes.shape = {static_cast<std::int64_t>(sizes.elements.size())};
  return {value_of(std::move(sizes))};
}

Values size(const Call& call) {
  const std::vector<Dim> dims = dims_of(call.shape(0));
  return {value_of({{}, {product(dims, 0, dims.size())}, DType::i64})};
}

Values reshape_to(const Call& call) {
  const Tensor x = any(call);
  std::vector<Dim> dims;
  if (call.version() < 5) {
    for (const std::int64_t size : call.ints("shape")) dims.emplace_back(size);
  } else {
    dims = call.dims(1, "sizes");
  }
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!identical(dims[i], Dim(0)) || call.i("allowzero", 0) != 0) continue;
    if (static_cast<int>(i) >= x.rank()) call.fail("a size of 0 copies an axis that is not there");
    dims[i] = x.shape()[static_cast<int>(i)];
  }
  return {moved(call, detail::reshape(x, dims))};
}

Values flatten(const Call& call) {
  const Tensor x = any(call);
  const std::vector<Dim> dims = dims_of(x.shape());
  const std::int64_t axis = call.i("axis", 1);
  const auto rank = static_cast<std::int64_t>(dims.size());
  if (axis < -rank || axis > rank) call.fail(fmt::format("there is no axis {}", axis));
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  return {moved(call, reshape(x, {product(dims, 0, at), product(dims, at, dims.size())}))};
}

std::vector<std::int64_t> axes_of(const Call& call, std::int64_t input_from) {
  if (call.version() >= input_from)
    return call.has(1) ? call.ints(1, "axes") : std::vector<std::int64_t>();
  return call.ints("axes");
}

Values squeeze_axes(const Call& call) {
  const Tensor x = any(call);
  const std::vector<std::int64_t> axes = axes_of(call, 13);
  if (!axes.empty()) return {moved(call, squeeze(x, Axes(axes.begin(), axes.end())))};
  Axes ones;  // a size with a name is not 1
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (identical(x.shape()[axis], Dim(1))) ones.push_back(axis);
  }
  return {moved(call, ones.empty() ? x : squeeze(x, ones))};
}

Values unsqueeze(const Call& call) {
  const Tensor x = any(call);
  std::vector<std::int64_t> axes = axes_of(call, 13);
  const auto rank = x.rank() + static_cast<int>(axes.size());
  for (std::int64_t& axis : axes) axis = call.axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  std::vector<Dim> dims = dims_of(x.shape());
  for (const std::int64_t axis : axes) dims.insert(dims.begin() + axis, Dim(1));
  return {moved(call, reshape(x, shape_of(dims)))};
}

Values transpose_axes(const Call& call) {
  const std::vector<std::int64_t> order = call.ints("perm");
  if (order.empty()) return {moved(call, transpose(any(call)))};
  return {moved(call, transpose(any(call), std::vector<int>(order.begin(), order.end())))};
}

Values expand(const Call& call) {
  const Tensor x = any(call);
  const Shape to = broadcast_shape(x.shape(), shape_of(call.dims(1, "sizes")));
  return {moved(call, broadcast_to(x, to))};
}

Values concat_all(const Call& call) {
  if (call.count() == 0) call.fail("it has no inputs");
  Tensors parts;
  for (std::size_t i = 0; i < call.count(); ++i) parts.push_back(any(call, i));
  // Exporters of pipelines in f64 leave single columns in f32.
  const auto is = [&](DType dtype) {
    return [dtype](const Tensor& part) { return part.dtype() == dtype; };
  };
  if (std::any_of(parts.begin(), parts.end(), is(DType::f64))) {
    for (Tensor& part : parts) {
      if (part.dtype() == DType::f32) part = cast(part, DType::f64);
    }
  }
  const int axis = call.axis(call.i("axis", 1), parts[0].rank());
  return {moved(call, concat(parts, axis))};
}

Values split_parts(const Call& call) {
  const Tensor x = any(call);
  const int axis = call.axis(call.i("axis", 0), x.rank());
  std::vector<std::int64_t> sizes = call.ints("split");
  if (call.version() >= 13 && call.has(1)) sizes = call.ints(1, "parts");
  if (sizes.empty()) {
    const auto parts = static_cast<std::int64_t>(call.node().outputs.size());
    const Dim whole = x.shape()[axis];
    if (!whole.is_static()) call.unsupported("it splits an axis whose size is not known");
    const std::int64_t part = (whole.offset() + parts - 1) / parts;
    for (std::int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::clamp<std::int64_t>(whole.offset() - i * part, 0, part));
  }
  if (std::ssize(sizes) > kMostParts) call.unsupported(fmt::format("{} parts", sizes.size()));
  Values results;
  for (const Tensor& part : split(x, sizes, axis)) results.push_back(moved(call, part));
  return results;
}

Values constant_of_shape(const Call& call) {
  const Shape shape = shape_of(call.dims(0, "sizes"));
  Tensor value = full({}, 0, DType::f32);
  if (call.has_attribute("value")) value = call.importer().read(call.tensor("value")).tensor;
  return one(broadcast_to(call.importer().now([&] { return reshape(value, {}); }), shape));
}

Values constant_node(const Call& call) {
  const Node& node = call.node();
  if (node.attributes.empty()) call.fail("it has no value");
  const Attribute& attribute = node.attributes[0];
  Importer& importer = call.importer();
  if (attribute.tensor) return {importer.read(*attribute.tensor)};
  const auto of = [&](const auto& elements, DType dtype, bool scalar) {
    using T = std::decay_t<decltype(elements[0])>;
    Tensor made =
        zeros(scalar ? Shape()
                     : Shape(std::vector<std::int64_t>{static_cast<std::int64_t>(elements.size())}),
              dtype);
    std::copy(elements.begin(), elements.end(), made.mutable_data<T>().begin());
    return Values{constant(made)};
  };
  if (attribute.name == "value_int")
    return of(std::vector<std::int64_t>{attribute.i}, DType::i64, true);
  if (attribute.name == "value_ints") return of(attribute.ints, DType::i64, false);
  if (attribute.name == "value_float") return of(std::vector<float>{attribute.f}, DType::f32, true);
  if (attribute.name == "value_floats") return of(attribute.floats, DType::f32, false);
  call.unsupported(fmt::format("its attribute '{}'", attribute.name));
}

Values tile(const Call& call) {
  Tensor x = any(call);
  const std::vector<Dim> repeats = call.dims(1, "repeats");
  if (static_cast<int>(repeats.size()) != x.rank())
    call.fail("its repeats are not one for each axis");
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Dim times = repeats[static_cast<std::size_t>(axis)];
    if (identical(times, Dim(1))) continue;
    std::vector<Dim> wide = dims_of(x.shape());
    const Dim whole = wide[static_cast<std::size_t>(axis)];
    wide.insert(wide.begin() + axis, times);
    const Tensor repeated = broadcast_to(expand_dims(x, axis), shape_of(wide));
    wide.erase(wide.begin() + axis);
    wide[static_cast<std::size_t>(axis)] = whole * times;
    x = reshape(repeated, shape_of(wide));
  }
  return {moved(call, x)};
}

// Where an element beyond the edges comes from.
std::int64_t mirrored(const std::string& mode, std::int64_t at, std::int64_t n) {
  if (mode == "wrap") return ((at % n) + n) % n;
  if (mode == "edge") return std::clamp<std::int64_t>(at, 0, n - 1);
  if (n == 1) return 0;
  const std::int64_t period = 2 * (n - 1), folded = ((at % period) + period) % period;
  return folded < n ? folded : period - folded;
}

Values pad(const Call& call) {
  Tensor x = call.x(0);
  const std::string mode = call.s("mode", "constant");
  const bool attributes = call.version() < 11;
  const std::vector<std::int64_t> pads = attributes ? call.ints("pads") : call.ints(1, "pads");
  std::vector<std::int64_t> axes;
  if (call.has(3)) axes = call.ints(3, "axes");
  if (axes.empty()) {
    axes.resize(static_cast<std::size_t>(x.rank()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (pads.size() != 2 * axes.size()) call.fail("its pads are not two for each axis");
  const Tensor value = attributes    ? full({}, call.f("value", 0), x.dtype())
                       : call.has(2) ? reshape(call.x(2), {})
                                     : full({}, 0, x.dtype());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = call.axis(axes[i], x.rank());
    std::int64_t before = pads[i], after = pads[i + axes.size()];
    const Dim whole = x.shape()[axis];
    if (before == 0 && after == 0) continue;
    constexpr std::int64_t kFarthest = std::int64_t{1} << 40;
    if (std::abs(std::max(before, -kFarthest)) >= kFarthest ||
        std::abs(std::max(after, -kFarthest)) >= kFarthest)
      call.fail("pads beyond what fits memory");
    if (mode != "constant") {
      if (before + after > (1 << 24)) call.unsupported("pads of more than 2^24");
      if (!whole.is_static() || whole.offset() == 0)
        call.unsupported("it mirrors an axis whose size is not known");
      std::vector<std::int64_t> from;
      for (std::int64_t at = -before; at < whole.offset() + after; ++at)
        from.push_back(mirrored(mode, at, whole.offset()));
      x = picked(x, from, axis);
      continue;
    }
    if (before < 0 || after < 0) {
      if (!whole.is_static()) call.unsupported("it cuts an axis whose size is not known");
      x = slice(x, axis, std::max<std::int64_t>(-before, 0),
                whole.offset() + std::min<std::int64_t>(after, 0));
      before = std::max<std::int64_t>(before, 0);
      after = std::max<std::int64_t>(after, 0);
    }
    std::vector<Dim> sizes = dims_of(x.shape());
    Tensors parts;
    const auto edge = [&](std::int64_t width) {
      sizes[static_cast<std::size_t>(axis)] = Dim(width);
      if (width > 0) parts.push_back(broadcast_to(value, shape_of(sizes)));
    };
    edge(before);
    parts.push_back(x);
    edge(after);
    x = concat(parts, axis);
  }
  return one(x);
}

}  // namespace

std::vector<OpDefinition> shape_ops() {
  return {
      {"Shape", shape},
      {"Size", size},
      {"Reshape", reshape_to},
      {"Flatten", flatten},
      {"Squeeze", squeeze_axes},
      {"Unsqueeze", unsqueeze},
      {"Transpose", transpose_axes},
      {"Expand", expand},
      {"Concat", concat_all},
      {"Split", split_parts},
      {"Constant", constant_node},
      {"ConstantOfShape", constant_of_shape},
      {"Tile", tile},
      {"Pad", pad},
  };
}

}  // namespace mlpjit::onnx
