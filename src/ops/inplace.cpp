#include "src/ops/inplace.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"
#include "lib/support/bytes.h"
#include "lib/support/float_env.h"
#include "lib/support/isa.h"
#include "lib/support/publication.h"
#include "mlpjit/ops.h"
#include "src/ops/dispatch.h"
#include "src/record/recorder.h"

namespace mlpjit {

using detail::AxisRange;
using detail::Recorder;
using detail::TensorImpl;
using detail::WeakKind;

namespace detail {

void require_writable(const TensorImpl& impl, const char* call) {
  if (!impl.storage->read_only()) return;
  throw UserError(path_prefix() + call +
                  ": the tensor borrows read-only memory; copy() gives one of its own");
}

namespace {

// Whether writing `to` while `from` is still read could go wrong: one memory, other places.
bool overlaps(const TensorImpl& to, const TensorImpl& from) {
  if (!to.storage || !from.storage || to.storage == from.storage) return false;
  if (!to.storage->borrowed() && !from.storage->borrowed()) return false;
  const support::Snapshot one_moment;
  return support::bytes_overlap(to.storage->data(), to.storage->bytes(), from.storage->data(),
                                from.storage->bytes());
}

// A C++ scalar that met no dtype yet takes that of `value`, as a 0-d tensor of it would have been
// written.
bool adopt(TensorImpl& impl, const Tensor& value, const char* call) {
  if (impl.weak == WeakKind::none) return false;
  const TensorImpl& from = *TensorAccess::impl(value);
  const WeakKind kind = from.weak != WeakKind::none ? from.weak : kind_of(from.dtype);
  if (kind < impl.weak || from.shape.rank() != 0) {
    throw DTypeError(
        path_prefix() + call + ": a value of " + to_string(TensorSpec{from.dtype, from.shape}) +
        " does not fit into a C++ scalar (" + std::string(to_string(impl.dtype)) +
        "); begin it as a tensor of that shape and dtype: Tensor a = zeros(" +
        to_string(from.shape) + ", DType::" +
        (from.dtype == DType::boolean ? "boolean" : std::string(to_string(from.dtype))) + ");");
  }
  return true;
}

void fail_shape(const char* call, const Shape& value, const Shape& target) {
  throw ShapeError(path_prefix() + call + ": a value of the shape " + to_string(value) +
                   " does not fit into a tensor of the shape " + to_string(target) +
                   "; an update in place keeps the shape, a = a + b makes a new tensor");
}

// `value`, adapted to the dtype and broadcast to the shape of what is written.
Tensor fitted(const Tensor& value, DType dtype, const Shape& shape, const char* call) {
  Tensor fit = adapt(value, dtype, call);
  if (identical(fit.shape(), shape)) return fit;
  try {
    return detail::broadcast_to(fit, shape);
  } catch (const ShapeError&) {
    fail_shape(call, value.shape(), shape);
  }
  return fit;
}

void assign_value(const Tensor& target, const Tensor& value, const char* call) {
  TensorImpl& impl = impl_of(target, call);
  const TensorImpl& from = impl_of(value, call);
  if (&impl == &from) return;
  if (Recorder* recorder = Recorder::current()) {
    if (adopt(impl, value, call)) {
      recorder->update_weak(target, value, call);
      return;
    }
    const Tensor fit = fitted(value, impl.dtype, impl.shape, call);
    recorder->update(target, recorder->fresh(recorder->value_of(fit, call)), call);
    return;
  }
  require_readable(impl, call);
  if (adopt(impl, value, call)) {
    require_readable(from, call);
    if (from.weak != WeakKind::none) {
      impl.dtype = from.dtype;
      impl.weak = from.weak;
      impl.wide = from.wide;
      std::memcpy(impl.scalar, from.scalar, sizeof impl.scalar);
    } else {
      const support::Snapshot snapshot;
      impl.storage = support::Storage::allocate(size_of(from.dtype));
      std::memcpy(impl.storage->data(), from.data(), size_of(from.dtype));
      impl.dtype = from.dtype;
      impl.weak = WeakKind::none;
    }
    return;
  }
  const Tensor fit = fitted(value, impl.dtype, impl.shape, call);
  require_writable(impl, call);
  support::Write write(*impl.storage, false, call);
  if (impl.storage->bytes() > 0)
    std::memmove(write.to(), TensorAccess::impl(fit)->data(), impl.storage->bytes());
  write.done();
}

// Whether reading, computing and writing is to be one step, so that no update of another thread
// comes between: of what programs read, where the op keeps the dtype.
bool is_one_step(const TensorImpl& impl, ir::Opcode opcode, const TensorImpl& from) {
  return Recorder::current() == nullptr && impl.weak == WeakKind::none && !impl.symbolic &&
         !from.symbolic && impl.storage->published() && impl.dtype != DType::boolean &&
         (opcode != ir::Opcode::divide || is_floating(impl.dtype)) && !overlaps(impl, from) &&
         (from.weak == WeakKind::none ? from.dtype == impl.dtype
                                      : from.weak <= kind_of(impl.dtype));
}

void compound(const Tensor& target, ir::Opcode opcode, const Tensor& other, const char* call) {
  TensorImpl& impl = impl_of(target, call);
  const TensorImpl& from = impl_of(other, call);
  const bool in_place =
      Recorder::current() == nullptr && impl.weak == WeakKind::none && !impl.symbolic &&
      from.weak == WeakKind::none && !from.symbolic && impl.dtype == from.dtype &&
      impl.dtype != DType::boolean && (opcode != ir::Opcode::divide || is_floating(impl.dtype)) &&
      !overlaps(impl, from) && (impl.shape == from.shape || from.shape.rank() == 0);
  if (!in_place && is_one_step(impl, opcode, from)) {
    return compound(target, opcode,
                    from.shape.rank() == 0 ? adapt(other, impl.dtype, call)
                                           : fitted(other, impl.dtype, impl.shape, call),
                    call);
  }
  if (!in_place) {
    if (impl.weak == WeakKind::none && from.weak == WeakKind::none && impl.dtype != from.dtype) {
      adapt(other, impl.dtype, call);  // says which dtype the value must have
    }
    const Tensor result = apply_one(opcode, {&target, &other});
    if (impl.weak == WeakKind::none && !identical(result.shape(), impl.shape))
      fail_shape(call, result.shape(), impl.shape);
    assign_value(target, result, call);
    return;
  }
  require_writable(impl, call);
  const support::FloatEnvScope environment;
  support::Write write(*impl.storage, false, call);
  const interp::View before{impl.dtype, impl.shape, const_cast<void*>(write.before())};
  const interp::View operands[] = {before, &from == &impl ? before : view_of(from)};
  const interp::View out{impl.dtype, impl.shape, write.to()};
  interp::evaluate(opcode, {}, operands, {&out, 1}, support::default_isa());
  write.done();
}

}  // namespace

AxisRange normal_range(const Shape& shape, int axis, std::int64_t begin, std::int64_t end,
                       std::int64_t step) {
  const int rank = shape.rank();
  const int normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) {
    throw ShapeError(path_prefix() + "slice: axis " + std::to_string(axis) +
                     " of a tensor of the shape " + to_string(shape));
  }
  if (step < 1) {
    throw ShapeError(path_prefix() + "slice: the step is " + std::to_string(step) +
                     "; expected at least 1");
  }
  const std::int64_t size = known_size(shape, normal, "slice");
  const auto clamp = [size](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size);
  };
  const std::int64_t first = clamp(begin);
  return {normal, first, std::max(first, clamp(end)), step};
}

namespace {
ir::Attrs attrs_of(const AxisRange& range) {
  return {{"axis", range.axis}, {"begin", range.begin}, {"end", range.end}, {"step", range.step}};
}
}  // namespace

Tensor slice(const Tensor& x, const AxisRange& range) {
  return apply_one(ir::Opcode::slice, {&x}, attrs_of(range));
}

namespace {

Shape shape_of(const Shape& whole, const AxisRange& range) {
  const std::int64_t span = range.end - range.begin;
  Shape shape = whole;
  shape.set(static_cast<int>(range.axis), Dim(span == 0 ? 0 : (span - 1) / range.step + 1));
  return shape;
}

// Writes `part` to its place in `whole`.
void scatter(void* whole, const TensorImpl& impl, const AxisRange& range, const TensorImpl& part) {
  auto* to = static_cast<std::byte*>(whole);
  const auto* from = static_cast<const std::byte*>(part.data());
  const std::int64_t count = part.shape.sizes()[static_cast<std::size_t>(range.axis)];
  const std::span<const std::int64_t> sizes = impl.shape.sizes();
  std::int64_t outer = 1, inner = static_cast<std::int64_t>(size_of(impl.dtype));
  for (std::int64_t i = 0; i < range.axis; ++i) outer *= sizes[static_cast<std::size_t>(i)];
  for (std::size_t i = static_cast<std::size_t>(range.axis) + 1; i < sizes.size(); ++i)
    inner *= sizes[i];
  const std::int64_t stride = sizes[static_cast<std::size_t>(range.axis)] * inner;
  for (std::int64_t o = 0; o < outer && inner > 0; ++o) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::memmove(to + o * stride + (range.begin + i * range.step) * inner,
                   from + (o * count + i) * inner, static_cast<std::size_t>(inner));
    }
  }
}

}  // namespace

void compound_slice(const Tensor& base, const AxisRange& range, ir::Opcode opcode,
                    const Tensor& other, const char* call) {
  TensorImpl& impl = impl_of(base, call);
  if (!is_one_step(impl, opcode, impl_of(other, call))) {
    const Tensor now = slice(base, range);  // the copy may be older than the latest update
    return assign_slice(base, range, apply_one(opcode, {&now, &other}));
  }
  require_writable(impl, call);
  const Shape shape = shape_of(impl.shape, range);
  const Tensor fit = fitted(other, impl.dtype, shape, call);
  const Tensor part = make_tensor(impl.dtype, shape), result = make_tensor(impl.dtype, shape);
  const interp::View parts[] = {view_of(*TensorAccess::impl(part)),
                                view_of(*TensorAccess::impl(result))};
  const support::FloatEnvScope environment;
  support::Write write(*impl.storage, true, call);
  const interp::View whole{impl.dtype, impl.shape, const_cast<void*>(write.before())};
  interp::evaluate(ir::Opcode::slice, attrs_of(range), {&whole, 1}, {parts, 1},
                   support::default_isa());
  const interp::View operands[] = {parts[0], view_of(*TensorAccess::impl(fit))};
  interp::evaluate(opcode, {}, operands, {parts + 1, 1}, support::default_isa());
  scatter(write.to(), impl, range, *TensorAccess::impl(result));
  write.done();
}

void assign_slice(const Tensor& base, const AxisRange& range, const Tensor& value) {
  constexpr const char* kCall = "slice().assign";
  TensorImpl& impl = impl_of(base, kCall);
  const Shape shape = shape_of(impl.shape, range);
  const Tensor fit = fitted(value, impl.dtype, shape, kCall);
  if (Recorder* recorder = Recorder::current()) {
    const ir::ValueId operands[] = {recorder->value_of(base, kCall),
                                    recorder->value_of(fit, kCall)};
    const Tensors result = recorder->record(ir::Opcode::slice_update, operands, attrs_of(range));
    recorder->update(base, recorder->value_of(result.front(), kCall), kCall);
    return;
  }
  require_readable(impl, kCall);
  require_writable(impl, kCall);
  const Tensor source = overlaps(impl, *TensorAccess::impl(fit)) ? fit.copy() : fit;
  support::Write write(*impl.storage, true, kCall);
  scatter(write.to(), impl, range, *TensorAccess::impl(source));
  write.done();
}

}  // namespace detail

Tensor& Tensor::assign(const Tensor& value) {
  detail::assign_value(*this, value, "assign");
  return *this;
}

Tensor& Tensor::operator+=(const Tensor& other) {
  detail::compound(*this, ir::Opcode::add, other, "+=");
  return *this;
}
Tensor& Tensor::operator-=(const Tensor& other) {
  detail::compound(*this, ir::Opcode::subtract, other, "-=");
  return *this;
}
Tensor& Tensor::operator*=(const Tensor& other) {
  detail::compound(*this, ir::Opcode::multiply, other, "*=");
  return *this;
}
Tensor& Tensor::operator/=(const Tensor& other) {
  detail::compound(*this, ir::Opcode::divide, other, "/=");
  return *this;
}

TensorSlice Tensor::slice(detail::Axis axis, std::int64_t begin, std::int64_t end,
                          std::int64_t step) const {
  const AxisRange range = detail::normal_range(shape(), axis, begin, end, step);
  return TensorSlice(detail::slice(*this, range), *this, static_cast<int>(range.axis), range.begin,
                     range.end, range.step);
}

TensorSlice::TensorSlice(Tensor copy, Tensor base, int axis, std::int64_t begin, std::int64_t end,
                         std::int64_t step)
    : Tensor(std::move(copy)),
      base_(std::move(base)),
      axis_(axis),
      begin_(begin),
      end_(end),
      step_(step) {}

void TensorSlice::assign(const Tensor& value) const {
  detail::assign_slice(base_, {axis_, begin_, end_, step_}, value);
}

void TensorSlice::operator+=(const Tensor& other) const {
  detail::compound_slice(base_, {axis_, begin_, end_, step_}, ir::Opcode::add, other, "slice() +=");
}
void TensorSlice::operator-=(const Tensor& other) const {
  detail::compound_slice(base_, {axis_, begin_, end_, step_}, ir::Opcode::subtract, other,
                         "slice() -=");
}
void TensorSlice::operator*=(const Tensor& other) const {
  detail::compound_slice(base_, {axis_, begin_, end_, step_}, ir::Opcode::multiply, other,
                         "slice() *=");
}
void TensorSlice::operator/=(const Tensor& other) const {
  detail::compound_slice(base_, {axis_, begin_, end_, step_}, ir::Opcode::divide, other,
                         "slice() /=");
}

}  // namespace mlpjit
