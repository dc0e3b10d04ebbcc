#include "src/onnx/axes.h"

#include <algorithm>
#include <numeric>

#include "mlpjit/control_flow.h"
#include "mlpjit/create.h"
#include "src/model/function_model.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

constexpr std::int64_t kMostPicked = std::int64_t{1} << 24;

// The axes of x but one, with that one in another place.
Tensor with_axis_at(const Tensor& x, int from, int to) {
  if (from == to) return x;
  std::vector<int> order;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != from) order.push_back(i);
  }
  order.insert(order.begin() + to, from);
  return transpose(x, order);
}

}  // namespace

Tensor axis_last(const Tensor& x, int axis) {
  return with_axis_at(x, axis, x.rank() - 1);
}
Tensor axis_back(const Tensor& x, int axis) {
  return with_axis_at(x, x.rank() - 1, axis);
}
Tensor axis_first(const Tensor& x, int axis) {
  return with_axis_at(x, axis, 0);
}
Tensor axis_to(const Tensor& x, int axis) {
  return with_axis_at(x, 0, axis);
}

Shape without_first(const Shape& shape) {
  Shape rest;
  for (int i = 1; i < shape.rank(); ++i) rest.push_back(shape[i]);
  return rest;
}

Tensor turned(const Tensor& x) {
  const Dim whole = x.shape()[0];
  if (!whole.is_static() || whole.offset() > kMostPicked)
    return gather(x, number_of(whole, DType::i64) - 1 - positions(whole, DType::i64), 0);
  std::vector<std::int64_t> from(static_cast<std::size_t>(whole.offset()));
  std::iota(from.rbegin(), from.rend(), 0);
  return picked(x, from, 0);
}

Tensor positions(const Dim& size, DType dtype) {
  if (size.is_static()) return arange(static_cast<double>(size.offset()), dtype);
  // Counted: there is no op that makes so many numbers as a symbol says.
  const Tensor one = full({}, 1, dtype);
  const auto [last, rows] = detail::scan(
      [&](const Tensors& carry, const Tensors& entry) {
        return std::pair(Tensors{carry[0] + entry[0]}, Tensors{carry[0]});
      },
      {full({}, 0, dtype)}, {broadcast_to(one, {size})});
  return rows[0];
}

Tensor number_of(const Dim& size, DType dtype) {
  return tensor_of({{}, {size}, dtype});
}

Tensor places_in(const Tensor& indices, const Dim& size) {
  return gather(positions(size, indices.dtype()), indices, 0);
}

Tensor place_in_all(const Tensor& indices, int batch, const std::vector<Dim>& sizes) {
  Tensor place = full({}, 0, indices.dtype());
  int axis = 0;
  for (const Dim& size : sizes) {
    place = place * number_of(size, indices.dtype());
    if (axis < batch) {  // positions along that axis of the indices
      std::vector<Dim> dims(static_cast<std::size_t>(indices.rank() - 1), Dim(1));
      dims[static_cast<std::size_t>(axis)] = size;
      place = place + reshape(positions(size, indices.dtype()), shape_of(dims));
    } else {
      const int k = axis - batch;
      place = place + places_in(squeeze(slice(indices, -1, k, k + 1), -1), size);
    }
    ++axis;
  }
  return place;
}

Tensor places_of(const Call& call, std::size_t i, const std::vector<Dim>& sizes,
                 const std::function<Tensor()>& places) {
  const bool known =
      std::all_of(sizes.begin(), sizes.end(), [](const Dim& size) { return size.is_static(); });
  if (!known || !call.is_constant(i)) return places();
  try {
    return call.importer().now(places);
  } catch (const ValueError& error) {
    call.fail(error.what());
  }
}

Tensor picked(const Tensor& x, const std::vector<std::int64_t>& from, int axis) {
  const Tensors indices = detail::computed_now([&] {
    Tensor made =
        zeros(Shape(std::vector<std::int64_t>{static_cast<std::int64_t>(from.size())}), DType::i64);
    std::copy(from.begin(), from.end(), made.mutable_data<std::int64_t>().begin());
    return Tensors{made};
  });
  return gather(x, indices[0], axis);
}

std::vector<Dim> dims_of(const Shape& shape) {
  std::vector<Dim> dims;
  for (int i = 0; i < shape.rank(); ++i) dims.push_back(shape[i]);
  return dims;
}
Shape shape_of(const std::vector<Dim>& dims) {
  return Shape(std::span<const Dim>(dims));
}

Value moved(const Call& call, const Tensor& result) {
  Value value = computed(result);
  value.is_text = call.value(0).is_text;
  value.is_small = call.value(0).is_small;
  return value;
}
// The input, of numbers or of strings: moving does not mind.
Tensor any(const Call& call, std::size_t i) {
  return call.value(i).is_text ? call.codes(i) : call.x(i);
}

}  // namespace mlpjit::onnx
