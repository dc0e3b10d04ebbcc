#pragma once
// Axes moved to where an op wants them, and back.

#include "src/onnx/call.h"

namespace mlpjit::onnx {

// The axis last, the others in their order; and back.
Tensor axis_last(const Tensor& x, int axis);
Tensor axis_back(const Tensor& x, int axis);
// The axis first; and the first to its place.
Tensor axis_first(const Tensor& x, int axis);
Tensor axis_to(const Tensor& x, int axis);
Shape without_first(const Shape& shape);
// The first axis from its end to its begin. Throws UnsupportedError where its size is not known.
Tensor turned(const Call& call, const Tensor& x);
// Elements of one axis in another order, or some of them.
Tensor picked(const Tensor& x, const std::vector<std::int64_t>& from, int axis);

}  // namespace mlpjit::onnx
