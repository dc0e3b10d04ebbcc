#pragma once
// The tensor behind a Tensor handle, and the door through which the rest of src reaches it.

#include <cstdint>
#include <memory>
#include <utility>

#include "lib/ir/ids.h"
#include "lib/support/memory.h"
#include "lib/support/storage.h"
#include "mlpjit/tensor.h"

namespace mlpjit::detail {

// The kind of a C++ scalar whose dtype may still adapt; ordered as they promote.
enum class WeakKind : std::uint8_t { none, boolean, integer, floating };

// Concrete: has storage, or is a weak scalar (whose value stands in `scalar`). Symbolic: neither;
// then it is `value` of the trace `trace`, or of none any more (0). A concrete tensor made during a
// trace carries that trace's id: there it is a constant, and after the trace an ordinary tensor.
struct TensorImpl {
  Shape shape;
  DType dtype = DType::f32;
  WeakKind weak = WeakKind::none;
  bool symbolic = false;
  // A weak scalar: the C++ value, and the same as one element of `dtype` (f32, i64 or bool).
  union Wide {
    std::int64_t integer;
    double floating;
    bool boolean;
  } wide{0};
  alignas(8) std::byte scalar[8] = {};
  std::uint64_t trace = 0;
  std::uint32_t depth = 0;  // how many regions of the trace were open when it was made
  ir::ValueId value;
  std::shared_ptr<support::Storage> storage;

  // The elements; null when symbolic.
  const void* data() const {
    if (storage) return storage->data();
    return symbolic ? nullptr : scalar;
  }
};

using ImplPtr = std::shared_ptr<TensorImpl>;

// A fresh one, or a copy of one.
template <class... Like>
ImplPtr make_impl(const Like&... like) {
  return std::allocate_shared<TensorImpl>(support::RecycledAllocator<TensorImpl>(), like...);
}

struct TensorAccess {
  static Tensor make(ImplPtr impl) { return Tensor(std::move(impl)); }
  static const ImplPtr& impl(const Tensor& tensor) { return tensor.impl_; }
};

// The impl of a defined tensor. Throws UserError naming `call` for a handle of no tensor.
TensorImpl& impl_of(const Tensor& tensor, const char* call);

// Fresh, uninitialised. Static shape.
Tensor make_tensor(DType dtype, Shape shape);
// A concrete tensor over existing storage.
Tensor make_tensor(DType dtype, Shape shape, std::shared_ptr<support::Storage> storage);
// A weak scalar from its default representation (f32, i64 or bool element).
Tensor make_weak(DType dtype, const void* element);

constexpr WeakKind kind_of(DType dtype) {
  return dtype == DType::boolean ? WeakKind::boolean
         : is_integer(dtype)     ? WeakKind::integer
                                 : WeakKind::floating;
}
// The dtype a weak kind has by itself, and the one that carries its C++ value in full.
constexpr DType default_dtype(WeakKind kind) {
  return kind == WeakKind::boolean   ? DType::boolean
         : kind == WeakKind::integer ? DType::i64
                                     : DType::f32;
}
constexpr DType wide_dtype(WeakKind kind) {
  return kind == WeakKind::floating ? DType::f64 : default_dtype(kind);
}

}  // namespace mlpjit::detail
