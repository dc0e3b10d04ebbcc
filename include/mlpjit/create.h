#pragma once
/// @file
/// Tensors made from nothing. The dtype is f32 unless named. During a trace they are constants of
/// the graph.

#include <cstdint>

#include "mlpjit/ops.h"

namespace mlpjit {

/// Filled with 0. A symbolic shape is allowed while tracing.
MLPJIT_API Tensor zeros(const Shape& shape, DType dtype = DType::f32);
/// Filled with 1.
MLPJIT_API Tensor ones(const Shape& shape, DType dtype = DType::f32);
/// Filled with the value of a tensor of one element, usually a C++ scalar, whose dtype it takes (a
/// C++ integer gives i64, a floating one f32), or with it converted to `dtype`. @throws ValueError
/// on a C++ number that an integer dtype does not hold, as the functions below.
MLPJIT_API Tensor full(const Shape& shape, const Tensor& value);
MLPJIT_API Tensor full(const Shape& shape, const Tensor& value, DType dtype);
/// Of the shape and dtype of another tensor.
MLPJIT_API Tensor zeros_like(detail::Operand other);
MLPJIT_API Tensor ones_like(detail::Operand other);
MLPJIT_API Tensor full_like(detail::Operand other, detail::Operand value);

/// start, start + step, ... below stop (above it when step is negative), each start + i * step
/// computed in f64 and converted. @throws ValueError when step is 0, an end is not finite, or an
/// integer dtype does not hold an element.
MLPJIT_API Tensor arange(double start, double stop, double step = 1, DType dtype = DType::f32);
/// 0, 1, ... below stop.
MLPJIT_API Tensor arange(double stop, DType dtype = DType::f32);
/// `count` values from start to stop, both included: start + i * ((stop - start) / (count - 1)) in
/// f64, the last one exactly stop, converted. @throws ValueError when count is negative.
MLPJIT_API Tensor linspace(double start, double stop, std::int64_t count, DType dtype = DType::f32);
/// Ones on the diagonal. `columns` is `rows` when not given.
MLPJIT_API Tensor eye(std::int64_t rows, std::int64_t columns = -1, DType dtype = DType::f32);

}  // namespace mlpjit
