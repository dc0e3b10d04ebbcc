#include "mlpjit/create.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "lib/ir/opcodes.h"
#include "lib/ir/size_product.h"
#include "lib/support/float_env.h"
#include "lib/support/number_range.h"
#include "mlpjit/ops.h"
#include "src/ops/dispatch.h"
#include "src/record/recorder.h"

namespace mlpjit {

namespace {

using detail::Recorder;
using detail::TensorAccess;
using detail::TracePause;

// Fills with one element of the dtype.
Tensor filled(const Shape& shape, DType dtype, const void* element) {
  Tensor result = detail::make_tensor(dtype, shape);
  support::Storage& storage = *TensorAccess::impl(result)->storage;
  auto* out = static_cast<std::byte*>(storage.data());
  const std::size_t width = size_of(dtype);
  for (std::size_t i = 0; i < storage.bytes(); i += width) std::memcpy(out + i, element, width);
  return detail::stamp_constant(std::move(result));
}

Tensor filled_with(const Shape& shape, DType dtype, int value) {
  alignas(8) std::byte element[8];
  const auto put = [&](auto typed) { std::memcpy(element, &typed, sizeof typed); };
  switch (dtype) {
    case DType::f32: put(static_cast<float>(value)); break;
    case DType::f64: put(static_cast<double>(value)); break;
    case DType::i32: put(static_cast<std::int32_t>(value)); break;
    case DType::i64: put(static_cast<std::int64_t>(value)); break;
    case DType::boolean: put(static_cast<std::uint8_t>(value)); break;
  }
  if (shape.is_static()) return filled(shape, dtype, element);
  return detail::broadcast_to(filled(Shape{}, dtype, element), shape);
}

// What `write` puts into f64 elements, converted.
template <class Write>
Tensor from_doubles(const char* call, const Shape& shape, DType dtype, Write write) {
  Tensor result;
  {
    const TracePause pause;  // numbers now, a constant of the trace afterwards
    result = detail::make_tensor(DType::f64, shape);
    support::Storage& storage = *TensorAccess::impl(result)->storage;
    const std::span<double> values(static_cast<double*>(storage.data()),
                                   static_cast<std::size_t>(shape.size()));
    write(values);
    for (const double value : values) {
      if (!is_integer(dtype) || support::holds(dtype, value)) continue;
      throw ValueError(detail::path_prefix() + call + ": " + support::misfit_text(value, dtype));
    }
    if (dtype != DType::f64) result = detail::cast(result, dtype);
  }
  return detail::stamp_constant(std::move(result));
}

// start, start + step, ...: the product and the sum rounded one after the other.
void ascend(std::span<double> values, double start, double step) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double offset = static_cast<double>(i) * step;
    values[i] = start + offset;
  }
}

bool is_literal(const Tensor& value) {
  const Recorder* recorder = Recorder::current();
  const detail::TensorImpl& impl = detail::impl_of(value, "full");
  return recorder == nullptr || (!impl.symbolic && impl.trace == recorder->id());
}

// One element of the dtype: of a tensor, converted as cast does; of a C++ number, which an integer
// dtype must hold.
Tensor element_of(const Tensor& value, DType dtype) {
  const detail::TensorImpl& impl = detail::impl_of(value, "full");
  const bool number =
      impl.weak == detail::WeakKind::integer || impl.weak == detail::WeakKind::floating;
  if (!number || !is_integer(dtype) || detail::wide_dtype(impl.weak) == dtype)
    return detail::cast(value, dtype);
  return detail::apply_one(ir::Opcode::narrow, {&value}, {{"dtype", dtype}});
}

Tensor fill(const Shape& shape, const Tensor& value, DType dtype) {
  if (value.rank() != 0 && !ir::SizeProduct(value.shape()).is(1)) {
    throw ShapeError(detail::path_prefix() + "full: the value has the shape " +
                     to_string(value.shape()) +
                     "; expected one element (broadcast_to(x, shape) repeats a tensor)");
  }
  const Tensor element = element_of(value.rank() == 0 ? value : detail::reshape(value, {}), dtype);
  if (!shape.is_static()) return detail::broadcast_to(element, shape);
  if (detail::TensorAccess::impl(element)->symbolic) return detail::broadcast_to(element, shape);
  return filled(shape, dtype, TensorAccess::impl(element)->data());
}

}  // namespace

Tensor zeros(const Shape& shape, DType dtype) {
  return filled_with(shape, dtype, 0);
}
Tensor ones(const Shape& shape, DType dtype) {
  return filled_with(shape, dtype, 1);
}

Tensor full(const Shape& shape, const Tensor& value) {
  return full(shape, value, value.dtype());
}

Tensor full(const Shape& shape, const Tensor& value, DType dtype) {
  if (!is_literal(value) || !shape.is_static()) return fill(shape, value, dtype);
  Tensor result;
  {
    const TracePause pause;
    result = fill(shape, value, dtype);
  }
  return detail::stamp_constant(std::move(result));
}

Tensor zeros_like(detail::Operand other) {
  const Tensor& like = other;
  return zeros(like.shape(), like.dtype());
}
Tensor ones_like(detail::Operand other) {
  const Tensor& like = other;
  return ones(like.shape(), like.dtype());
}
Tensor full_like(detail::Operand other, detail::Operand value) {
  const Tensor& like = other;
  return full(like.shape(), value, like.dtype());
}

Tensor arange(double start, double stop, double step, DType dtype) {
  const support::FloatEnvScope environment;
  const double count = std::ceil((stop - start) / step);
  if (step == 0 || !std::isfinite(start) || !std::isfinite(stop) || !std::isfinite(step) ||
      !(count < 0x1p40)) {
    throw ValueError(
        "arange: expected finite ends and a step other than 0, and fewer than 2^40 elements");
  }
  const std::size_t size = count > 0 ? static_cast<std::size_t>(count) : 0;
  return from_doubles("arange", Shape{size}, dtype,
                      [&](std::span<double> values) { ascend(values, start, step); });
}

Tensor arange(double stop, DType dtype) {
  return arange(0, stop, 1, dtype);
}

Tensor linspace(double start, double stop, std::int64_t count, DType dtype) {
  if (count < 0)
    throw ValueError("linspace: the count is " + std::to_string(count) + "; expected at least 0");
  const support::FloatEnvScope environment;
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  return from_doubles("linspace", Shape{count}, dtype, [&](std::span<double> values) {
    ascend(values, start, step);
    if (count > 1) values.back() = stop;
  });
}

Tensor eye(std::int64_t rows, std::int64_t columns, DType dtype) {
  if (columns == -1) columns = rows;
  return from_doubles("eye", Shape{rows, columns}, dtype, [&](std::span<double> values) {
    std::fill(values.begin(), values.end(), 0.0);
    for (std::int64_t i = 0; i < rows && i < columns; ++i)
      values[static_cast<std::size_t>(i * columns + i)] = 1.0;
  });
}

}  // namespace mlpjit
