#include "src/onnx/axes.h"

#include <algorithm>
#include <numeric>

#include "mlpjit/create.h"
#include "src/model/function_model.h"

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

Tensor turned(const Call& call, const Tensor& x) {
  const Dim whole = x.shape()[0];
  if (!whole.is_static()) call.unsupported("it turns round an axis whose size is not known");
  if (whole.offset() > kMostPicked) call.unsupported("it turns round an axis of more than 2^24");
  std::vector<std::int64_t> from(static_cast<std::size_t>(whole.offset()));
  std::iota(from.rbegin(), from.rend(), 0);
  return picked(x, from, 0);
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

}  // namespace mlpjit::onnx
