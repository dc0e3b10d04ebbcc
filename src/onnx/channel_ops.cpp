// Ops of ONNX on channels, which are axis 1: norms, and convolutions that are dense layers.

#include <fmt/format.h>

#include <algorithm>

#include "mlpjit/create.h"
#include "src/onnx/axes.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

// A vector of the channels, which are axis 1, in the shape that broadcasts to x.
Tensor per_channel(const Tensor& vector, int rank) {
  if (rank <= 1) return vector;
  std::vector<Dim> dims(static_cast<std::size_t>(rank), Dim(1));
  dims[1] = vector.shape()[0];
  return reshape(vector, Shape(std::span<const Dim>(dims)));
}

// With the statistics of training, a scale and a shift.
Values batch_normalization(const Call& call) {
  const Tensor x = call.x(0);
  if (call.i("training_mode", 0) != 0 || (call.version() < 7 && call.i("is_test", 0) == 0))
    call.unsupported("it is in training mode");
  if (call.i("spatial", 1) == 0) call.unsupported("spatial = 0");
  const double epsilon = call.f("epsilon", 1e-5);
  const auto scale_and_shift = [&] {
    const Tensor gamma = call.x(1), beta = call.x(2), centre = call.x(3), variance = call.x(4);
    const Tensor scale = gamma / sqrt(variance + number(epsilon, variance));
    return Tensors{per_channel(scale, x.rank()), per_channel(beta - centre * scale, x.rank())};
  };
  const bool known =
      call.is_constant(1) && call.is_constant(2) && call.is_constant(3) && call.is_constant(4);
  const Tensors both = known ? call.importer().all_now(scale_and_shift) : scale_and_shift();
  return one(x * both[0] + both[1]);
}

// Each row of the last axis with mean 0 and variance 1.
Tensor normalised_rows(const Tensor& x, double epsilon) {
  const Dim size = x.shape()[-1];
  const auto row = [&](double value) { return broadcast_to(full({}, value, x.dtype()), {size}); };
  return layer_norm(x, row(1), row(0), epsilon);
}

// The channels in so many groups, all that is in one as a row: [batch, groups, rest].
Tensor in_groups(const Call& call, const Tensor& x, std::int64_t groups) {
  const Dim channels = x.shape()[1];
  if (groups < 1 || !channels.is_static() || channels.offset() % groups != 0)
    call.fail(fmt::format("{} groups of {} channels", groups, to_string(channels)));
  std::vector<Dim> dims{x.shape()[0], Dim(groups), Dim(channels.offset() / groups)};
  for (int i = 2; i < x.rank(); ++i) dims[2] = dims[2] * x.shape()[i];
  return reshape(x, shape_of(dims));
}

Values instance_normalization(const Call& call) {
  const Tensor x = call.x(0);
  if (x.rank() < 3) call.fail("it is of [batch, channels, ...]");
  const Tensor rows = in_groups(call, x, x.shape()[1].is_static() ? x.shape()[1].offset() : 0);
  const Tensor normal = reshape(normalised_rows(rows, call.f("epsilon", 1e-5)), x.shape());
  return one(normal * per_channel(call.x(1), x.rank()) + per_channel(call.x(2), x.rank()));
}

// Scale and shift are of each group up to operator set 20, then of each channel.
Values group_normalization(const Call& call) {
  const Tensor x = call.x(0), scale = call.x(1), shift = call.x(2);
  const Tensor rows = in_groups(call, x, call.i("num_groups", 0));
  Tensor normal = normalised_rows(rows, call.f("epsilon", 1e-5));
  if (call.version() < 21) {
    normal = normal * per_channel(scale, 3) + per_channel(shift, 3);
    return one(reshape(normal, x.shape()));
  }
  return one(reshape(normal, x.shape()) * per_channel(scale, x.rank()) +
             per_channel(shift, x.rank()));
}

// Over all that is behind the channels.
Axes places_of(const Call& call) {
  Axes axes;
  for (int i = 2; i < call.x(0).rank(); ++i) axes.push_back(i);
  if (axes.empty()) call.fail("it is of [batch, channels, ...]");
  return axes;
}

// With a kernel of one element it is a dense layer of the channels at each place.
Values pointwise_convolution(const Call& call) {
  const Tensor x = call.x(0);
  const Value& kernel = call.value(1);
  const auto all = [&](const std::vector<std::int64_t>& values, std::int64_t wanted) {
    return std::all_of(values.begin(), values.end(),
                       [&](std::int64_t value) { return value == wanted; });
  };
  bool pointwise = kernel.constant && kernel.tensor.rank() == x.rank() && x.rank() >= 3 &&
                   call.i("group", 1) == 1 && all(call.ints("strides"), 1) &&
                   all(call.ints("pads"), 0) && all(call.ints("kernel_shape"), 1);
  for (int i = 2; pointwise && i < x.rank(); ++i)
    pointwise = identical(kernel.tensor.shape()[i], Dim(1));
  if (!pointwise) call.unsupported("a convolution with a kernel of more than one element");
  const Shape weight{kernel.tensor.shape()[0], kernel.tensor.shape()[1]};
  const Tensor w = call.importer().reshaped(kernel, weight);
  const Tensor rows = axis_last(x, 1);
  return one(axis_back(call.has(2) ? dense(rows, w, call.x(2)) : dense(rows, w), 1));
}

}  // namespace

std::vector<OpDefinition> channel_ops() {
  return {
      {"BatchNormalization", batch_normalization},
      {"InstanceNormalization", instance_normalization},
      {"GroupNormalization", group_normalization},
      {"Conv", pointwise_convolution},
      {"GlobalAveragePool", [](const Call& c) { return one(mean(c.x(0), places_of(c), true)); }},
      {"GlobalMaxPool", [](const Call& c) { return one(max(c.x(0), places_of(c), true)); }},
  };
}

}  // namespace mlpjit::onnx
