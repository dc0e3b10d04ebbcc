// Tensor: handles, weak scalars, borrowed memory, and everything that reads or prints elements.

#include "mlpjit/tensor.h"

#include <cmath>
#include <cstring>
#include <new>
#include <ostream>

#include "lib/support/bytes.h"
#include "lib/support/float_env.h"
#include "lib/support/format_tensor.h"
#include "lib/support/snapshot.h"
#include "lib/support/unanswered.h"
#include "src/ops/dispatch.h"
#include "src/record/recorder.h"
#include "src/record/tensor_impl.h"

namespace mlpjit {

using detail::impl_of;
using detail::ImplPtr;
using detail::Recorder;
using detail::TensorAccess;
using detail::TensorImpl;
using detail::WeakKind;

namespace detail {

TensorImpl& impl_of(const Tensor& tensor, const char* call) {
  const ImplPtr& impl = TensorAccess::impl(tensor);
  if (!impl) {
    throw UserError(path_prefix() + call +
                    ": the tensor is not defined (default-constructed, or moved from)");
  }
  return *impl;
}

Tensor make_tensor(DType dtype, Shape shape) {
  const std::size_t bytes = support::byte_size(dtype, shape);
  std::shared_ptr<support::Storage> storage;
  try {
    storage = support::Storage::allocate(bytes);
  } catch (const MemoryError&) {
    throw MemoryError(path_prefix() + "no memory for a tensor " +
                      to_string(TensorSpec{dtype, shape}) + " of " + std::to_string(bytes) +
                      " bytes");
  }
  return make_tensor(dtype, std::move(shape), std::move(storage));
}

Tensor make_tensor(DType dtype, Shape shape, std::shared_ptr<support::Storage> storage) {
  auto impl = make_impl();
  impl->shape = std::move(shape);
  impl->dtype = dtype;
  impl->storage = std::move(storage);
  return TensorAccess::make(std::move(impl));
}

namespace {

Tensor make_weak_scalar(WeakKind kind, TensorImpl::Wide wide, const void* element) {
  auto impl = make_impl();
  impl->dtype = default_dtype(kind);
  impl->weak = kind;
  impl->wide = wide;
  std::memcpy(impl->scalar, element, size_of(impl->dtype));
  return stamp_constant(TensorAccess::make(std::move(impl)));
}

}  // namespace

Tensor make_weak(DType dtype, const void* element) {
  TensorImpl::Wide wide{0};
  if (dtype == DType::boolean) {
    wide.boolean = *static_cast<const bool*>(element);
  } else if (dtype == DType::i64) {
    wide.integer = *static_cast<const std::int64_t*>(element);
  } else if (dtype == DType::f64) {
    const double value = *static_cast<const double*>(element);
    const support::FloatEnvScope environment;
    const float narrow = static_cast<float>(value);
    wide.floating = value;
    return make_weak_scalar(WeakKind::floating, wide, &narrow);
  } else {
    const support::FloatEnvScope environment;
    wide.floating = static_cast<double>(*static_cast<const float*>(element));
  }
  return make_weak_scalar(kind_of(dtype), wide, element);
}

Tensor tensor_from(const void* data, DType dtype, Shape shape) {
  Tensor result = make_tensor(dtype, std::move(shape));
  TensorImpl& impl = *TensorAccess::impl(result);
  if (impl.storage->bytes() > 0) std::memcpy(impl.storage->data(), data, impl.storage->bytes());
  return stamp_constant(std::move(result));
}

void check_range_size(std::size_t size, const Shape& shape) {
  if (static_cast<std::int64_t>(size) == shape.size()) return;
  throw ShapeError("tensor: the range has " + std::to_string(size) + " elements, the shape " +
                   to_string(shape) + " asks for " + std::to_string(shape.size()));
}

void throw_ragged() {
  throw ShapeError(
      "tensor: the nested lists are ragged: lists of one level have different lengths");
}

}  // namespace detail

void Tensor::throw_beyond_i64() {
  throw ValueError(detail::path_prefix() +
                   "a C++ integer above 9223372036854775807, the largest i64, as a tensor: use a "
                   "float, or an i64 of the same bits");
}
Tensor Tensor::weak_boolean(bool value) {
  return detail::make_weak(DType::boolean, &value);
}
Tensor Tensor::weak_integer(std::int64_t value) {
  return detail::make_weak(DType::i64, &value);
}
Tensor Tensor::weak_floating(float value) {
  return detail::make_weak(DType::f32, &value);
}
Tensor Tensor::weak_floating(double value) {
  return detail::make_weak(DType::f64, &value);
}

Tensor Tensor::from_memory(void* data, DType dtype, Shape shape, std::function<void()> release,
                           bool read_only) {
  if (detail::Recorder::current() != nullptr) {
    throw TraceError(detail::path_prefix() +
                     "borrow, from_blob: the caller's memory cannot enter a program while it is "
                     "traced; make the "
                     "tensor before and use it in the function (it becomes an input), or copy the "
                     "values with tensor()");
  }
  const std::size_t bytes = support::byte_size(dtype, shape);
  if (data == nullptr && bytes > 0) {
    throw UserError("borrow, from_blob: a null pointer for " + to_string(TensorSpec{dtype, shape}) +
                    "; expected " + std::to_string(bytes) + " bytes");
  }
  return detail::make_tensor(dtype, std::move(shape),
                             support::Storage::borrow(data, bytes, std::move(release), read_only));
}

const Shape& Tensor::shape() const& {
  return impl_of(*this, "shape").shape;
}
DType Tensor::dtype() const {
  return impl_of(*this, "dtype").dtype;
}
bool Tensor::is_weak() const {
  return impl_of(*this, "is_weak").weak != WeakKind::none;
}

bool Tensor::is_symbolic() const {
  const TensorImpl& impl = impl_of(*this, "is_symbolic");
  if (impl.symbolic) return true;
  const Recorder* recorder = Recorder::current();
  return recorder != nullptr && recorder->updated(impl);
}

detail::ReadScope::ReadScope() {
  static_assert(sizeof room_ == sizeof(support::Snapshot));
  new (room_) support::Snapshot;
}
detail::ReadScope::~ReadScope() {
  std::launder(reinterpret_cast<support::Snapshot*>(room_))->~Snapshot();
}

const void* Tensor::raw_elements(DType expected, const char* call) const {
  const TensorImpl& impl = impl_of(*this, call);
  detail::require_readable(impl, call);
  if (impl.dtype != expected) {
    throw DTypeError(
        std::string(call) + ": asked for " + std::string(to_string(expected)) + ", the tensor is " +
        to_string(TensorSpec{impl.dtype, impl.shape}) + "; cast(x, DType::" +
        (expected == DType::boolean ? "boolean" : std::string(to_string(expected))) + ") converts");
  }
  return impl.data();
}

const void* Tensor::raw_data(DType expected) const {
  const support::Snapshot snapshot;
  const void* elements = raw_elements(expected, "data");
  return impl_->storage ? impl_->storage->span() : elements;
}

void* Tensor::raw_mutable_data(DType expected) {
  impl_of(*this, "mutable_data");
  if (Recorder::current() != nullptr) {
    throw TraceError(detail::path_prefix() +
                     "mutable_data: the elements cannot be written while tracing; use assign(), "
                     "a.slice(...).assign() or "
                     "where()");
  }
  {
    const support::Snapshot snapshot;
    raw_elements(expected, "mutable_data");
  }
  TensorImpl& impl = *impl_;
  if (!impl.storage) {  // a weak scalar becomes an ordinary tensor
    auto storage = support::Storage::allocate(size_of(impl.dtype));
    std::memcpy(storage->data(), impl.scalar, size_of(impl.dtype));
    impl.storage = std::move(storage);
    impl.weak = WeakKind::none;
  }
  if (impl.storage->read_only()) {
    throw UserError(
        "mutable_data: the tensor borrows read-only memory; copy() gives one of its own");
  }
  impl.storage->expose("mutable_data");
  return impl.storage->latest().data();
}

namespace {

// The element of a tensor that holds one.
const TensorImpl& single_element(const Tensor& tensor, const char* call) {
  const TensorImpl& impl = impl_of(tensor, call);
  detail::require_readable(impl, call);
  if (impl.shape.size() != 1) {
    throw ShapeError(std::string(call) + ": the tensor has the shape " + to_string(impl.shape) +
                     ", not one element; to_vector() gives them all");
  }
  return impl;
}

template <class T>
T load(const TensorImpl& impl) {
  T value;
  std::memcpy(&value, impl.data(), sizeof value);
  return value;
}

[[noreturn]] void throw_range(const char* call, const std::string& value, const char* type) {
  throw ValueError(std::string(call) + ": " + value + " does not fit the type asked for (" + type +
                   ")");
}

double load_double(const TensorImpl& impl) {
  if (impl.weak == WeakKind::floating) return impl.wide.floating;
  switch (impl.dtype) {
    case DType::f32: return static_cast<double>(load<float>(impl));
    case DType::f64: return load<double>(impl);
    case DType::i32: return static_cast<double>(load<std::int32_t>(impl));
    case DType::i64: return static_cast<double>(load<std::int64_t>(impl));
    case DType::boolean: return load<std::uint8_t>(impl) != 0 ? 1.0 : 0.0;
  }
  return 0;
}

}  // namespace

bool Tensor::single_boolean(const char* call) const {
  const support::Snapshot snapshot;
  const TensorImpl& impl = single_element(*this, call);
  const support::FloatEnvScope environment;
  return load_double(impl) != 0;
}

std::int64_t Tensor::single_integer(std::int64_t lowest, std::uint64_t highest,
                                    const char* call) const {
  const support::Snapshot snapshot;
  const TensorImpl& impl = single_element(*this, call);
  const support::FloatEnvScope environment;
  std::int64_t value = 0;
  if (is_floating(impl.dtype)) {
    const double wide = std::trunc(load_double(impl));
    // 2^63 is the first double that i64 cannot hold; u64 beyond i64 is not reachable by integer
    // tensors.
    if (!(wide >= -0x1p63 && wide < 0x1p63)) throw_range(call, to_string(*this), "an integer");
    value = static_cast<std::int64_t>(wide);
  } else if (impl.dtype == DType::i64) {
    value = load<std::int64_t>(impl);
  } else if (impl.dtype == DType::i32) {
    value = load<std::int32_t>(impl);
  } else {
    value = load<std::uint8_t>(impl) != 0 ? 1 : 0;
  }
  if (value < lowest || (value > 0 && static_cast<std::uint64_t>(value) > highest)) {
    throw_range(call, std::to_string(value), "an integer of fewer bits or without sign");
  }
  return value;
}

double Tensor::single_f64(const char* call) const {
  const support::Snapshot snapshot;
  const TensorImpl& impl = single_element(*this, call);
  const support::FloatEnvScope environment;
  return load_double(impl);
}

float Tensor::single_f32(const char* call) const {
  const support::Snapshot snapshot;
  const TensorImpl& impl = single_element(*this, call);
  const support::FloatEnvScope environment;
  if (impl.dtype == DType::f32) return load<float>(impl);
  if (impl.dtype == DType::i64)
    return static_cast<float>(load<std::int64_t>(impl));  // rounded once
  const double wide = load_double(impl);
  const float narrow = static_cast<float>(wide);
  if (std::isinf(narrow) && !std::isinf(wide)) throw_range(call, to_string(*this), "float");
  return narrow;
}

Tensor Tensor::copy() const {
  const TensorImpl& impl = impl_of(*this, "copy");
  if (Recorder* recorder = Recorder::current()) {
    return recorder->symbolic(recorder->fresh(recorder->value_of(*this, "copy")), impl.weak);
  }
  detail::require_readable(impl, "copy");
  if (impl.weak != WeakKind::none) return TensorAccess::make(detail::make_impl(impl));
  const support::Snapshot snapshot;
  return detail::tensor_from(impl.data(), impl.dtype, impl.shape);
}

bool identical(const Tensor& a, const Tensor& b) {
  const TensorImpl& x = impl_of(a, "identical");
  const TensorImpl& y = impl_of(b, "identical");
  detail::require_readable(x, "identical");
  detail::require_readable(y, "identical");
  if (x.dtype != y.dtype || !identical(x.shape, y.shape)) return false;
  const support::Snapshot snapshot;
  const std::size_t bytes = static_cast<std::size_t>(x.shape.size()) * size_of(x.dtype);
  if (bytes == 0 || std::memcmp(x.data(), y.data(), bytes) == 0) return true;
  // Compared as integers, so that the host's floating-point environment has no say.
  const auto same = [&]<class Bits>(Bits infinity) {
    const Bits sign = Bits{1} << (8 * sizeof(Bits) - 1);
    for (std::size_t i = 0; i < bytes; i += sizeof(Bits)) {
      Bits p, q;
      std::memcpy(&p, static_cast<const std::byte*>(x.data()) + i, sizeof p);
      std::memcpy(&q, static_cast<const std::byte*>(y.data()) + i, sizeof q);
      const bool both_nan = (p & ~sign) > infinity && (q & ~sign) > infinity;
      if (p != q && !both_nan) return false;
    }
    return true;
  };
  if (x.dtype == DType::f32) return same(std::uint32_t{0x7f800000});
  if (x.dtype == DType::f64) return same(std::uint64_t{0x7ff0000000000000});
  return false;
}

std::string to_string(const Tensor& tensor) {
  const ImplPtr& impl = TensorAccess::impl(tensor);
  if (!impl) return "<undefined tensor>";
  const Recorder* recorder = Recorder::current();
  const auto symbol = [&](const std::string& name) {
    const std::uint64_t before = support::size_texts();
    const std::string text =
        "<symbol" + name + ": " + to_string(TensorSpec{impl->dtype, impl->shape}) + ">";
    support::size_texts() = before;
    return text;
  };
  // Tensors from outside are inputs of the program: their values now are not those of its calls.
  if (recorder != nullptr && !recorder->is_constant(*impl))
    return symbol(recorder->knows(*impl) ? " " + recorder->name_of(*impl) : "");
  if (impl->symbolic) return symbol(" of an ended trace");
  const support::FloatEnvScope environment;
  const support::Snapshot snapshot;
  return support::format_tensor(impl->dtype, impl->shape, impl->data());
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  return out << to_string(tensor);
}

void Outputs::check_count(std::size_t count) const {
  if (size() == count) return;
  throw UserError(detail::path_prefix() + "the call gave " + std::to_string(size()) + " results, " +
                  (count == 1 ? "one tensor is" : std::to_string(count) + " are") +
                  " wanted: take them as Tensors, or by auto [a, b] = ....as<2>()");
}

Outputs::operator Tensor() const {
  check_count(1);
  return front();
}

std::ostream& operator<<(std::ostream& out, const Outputs& outputs) {
  const char* separator = "";
  for (const Tensor& tensor : outputs) {
    out << separator << tensor;
    separator = "\n";
  }
  return out;
}

}  // namespace mlpjit
