#pragma once
// Axes moved to where an op wants them, and back.

#include <functional>
#include <vector>

#include "src/onnx/call.h"

namespace mlpjit::onnx {

// Of a tensor that is split.
inline constexpr std::int64_t kMostParts = 1 << 16;

// The axis last, the others in their order; and back.
Tensor axis_last(const Tensor& x, int axis);
Tensor axis_back(const Tensor& x, int axis);
// The axis first; and the first to its place.
Tensor axis_first(const Tensor& x, int axis);
Tensor axis_to(const Tensor& x, int axis);
Shape without_first(const Shape& shape);
// The first axis from its end to its begin.
Tensor turned(const Tensor& x);
// 0, 1, ... along an axis, and its size as a number, of a size that may be a symbol.
Tensor positions(const Dim& size, DType dtype);
Tensor number_of(const Dim& size, DType dtype);
// Indices of an axis, from its front. One that is out of it is an error of the call.
Tensor places_in(const Tensor& indices, const Dim& size);
// Of axes as one: the first are of the batch, for the others indices [.., k] say where.
Tensor place_in_all(const Tensor& indices, int batch, const std::vector<Dim>& sizes);
// What `places` makes of the indices of input i and of these sizes: now where all are known, and
// then what is out of them is the model's fault.
Tensor places_of(const Call& call, std::size_t i, const std::vector<Dim>& sizes,
                 const std::function<Tensor()>& places);
// Elements of one axis in another order, or some of them.
Tensor picked(const Tensor& x, const std::vector<std::int64_t>& from, int axis);

// Shapes as lists of sizes.
std::vector<Dim> dims_of(const Shape& shape);
Shape shape_of(const std::vector<Dim>& dims);

// An input of numbers or of strings: moving does not mind. And the same kind of result.
Tensor any(const Call& call, std::size_t i = 0);
Value moved(const Call& call, const Tensor& result);

}  // namespace mlpjit::onnx
