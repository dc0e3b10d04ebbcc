#include "src/ops/dispatch.h"

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"
#include "lib/support/float_env.h"
#include "lib/support/isa.h"
#include "lib/support/number_range.h"
#include "lib/support/snapshot.h"
#include "src/record/recorder.h"
#include "src/record/small.h"

namespace mlpjit::detail {

void store_weak(const TensorImpl& impl, DType dtype, void* out, std::string_view call) {
  const auto store = [&](std::int64_t value) {
    switch (dtype) {
      case DType::f32: {
        const auto v = static_cast<float>(value);
        std::memcpy(out, &v, sizeof v);
        break;
      }
      case DType::f64: {
        const auto v = static_cast<double>(value);
        std::memcpy(out, &v, sizeof v);
        break;
      }
      case DType::i32: {
        if (!support::holds(dtype, value)) {
          throw ValueError(path_prefix() + std::string(call) + ": " +
                           support::misfit_text(value, dtype));
        }
        const auto v = static_cast<std::int32_t>(value);
        std::memcpy(out, &v, sizeof v);
        break;
      }
      case DType::i64: {
        std::memcpy(out, &value, sizeof value);
        break;
      }
      case DType::boolean: {
        const std::uint8_t v = value != 0;
        std::memcpy(out, &v, sizeof v);
        break;
      }
    }
  };
  if (impl.dtype == dtype) {
    std::memcpy(out, impl.scalar, size_of(dtype));
  } else if (impl.weak == WeakKind::floating) {
    const double v = impl.wide.floating;  // dtype is f64
    std::memcpy(out, &v, sizeof v);
  } else if (impl.weak == WeakKind::integer) {
    store(impl.wide.integer);
  } else {
    store(static_cast<std::int64_t>(impl.wide.boolean));
  }
}

Tensor finish_weak(Tensor result) {
  const TensorImpl& impl = *TensorAccess::impl(result);
  const bool fits = impl.shape.rank() == 0 && impl.dtype != DType::f64 && impl.dtype != DType::i32;
  return fits ? make_weak(impl.dtype, impl.data()) : result;
}

namespace {

const char* kind_name(WeakKind kind) {
  return kind == WeakKind::floating  ? "floating-point"
         : kind == WeakKind::integer ? "integer"
                                     : "bool";
}

[[noreturn]] void throw_weak(std::string_view call, WeakKind kind, DType dtype) {
  throw DTypeError(path_prefix() + std::string(call) + ": a C++ scalar of " + kind_name(kind) +
                   " kind does not fit " + std::string(to_string(dtype)) +
                   "; cast the tensor first, as in cast(x, DType::" +
                   (kind == WeakKind::floating ? "f32" : "i64") + ")");
}

// What weak operands become.
struct Promotion {
  DType dtype = DType::f32;
  bool all_weak = false;  // of all operands, promoted or not
};

Promotion promote(ir::Opcode opcode, Operands operands, unsigned promoted) {
  std::optional<DType> strong;
  WeakKind highest = WeakKind::none;
  bool all_weak = !operands.empty();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const TensorImpl& impl = *TensorAccess::impl(*operands[i]);
    if (impl.weak == WeakKind::none) all_weak = false;
    if (i < 32 && ((promoted >> i) & 1u) == 0) continue;
    if (impl.weak == WeakKind::none) {
      if (!strong) strong = impl.dtype;
    } else if (impl.weak > highest) {
      highest = impl.weak;
    }
  }
  if (!strong) return {default_dtype(highest), all_weak};
  if (highest > kind_of(*strong)) throw_weak(ir::to_string(opcode), highest, *strong);
  return {*strong, all_weak};
}

constexpr bool converts(ir::Opcode opcode) {
  return opcode == ir::Opcode::cast || opcode == ir::Opcode::narrow;
}

DType weak_target(ir::Opcode opcode, const TensorImpl& impl, bool promoted,
                  const Promotion& promotion) {
  if (converts(opcode)) return wide_dtype(impl.weak);  // starts from the C++ value
  return promoted ? promotion.dtype : impl.dtype;
}

constexpr bool is_promoted(unsigned promoted, std::size_t i) {
  return i >= 32 || ((promoted >> i) & 1u) != 0;
}

// Type rules simple enough to settle without ir::infer when dtypes and shapes agree.
enum class FastRule : std::uint8_t { none, any_number, floating, comparison, dense };
constexpr FastRule fast_rule(std::string_view rule) {
  if (rule == "arithmetic" || rule == "numeric_unary") return FastRule::any_number;
  if (rule == "float_binary" || rule == "float_unary") return FastRule::floating;
  if (rule == "comparison") return FastRule::comparison;
  if (rule == "dense") return FastRule::dense;
  return FastRule::none;
}
constexpr FastRule kFastRules[] = {
#define MLPJIT_OP(name, surface, arity, results, rule, ...) fast_rule(#rule),
#include "mlpjit/detail/ops.def"
};

// dense of floats whose sizes fit.
bool fast_dense_type(std::span<const interp::View> operands, DType& dtype, Shape& shape) {
  const Shape& x = operands[0].shape;
  const Shape& weight = operands[1].shape;
  dtype = operands[0].dtype;
  if (!is_floating(dtype) || operands[1].dtype != dtype || x.rank() < 1 || weight.rank() != 2)
    return false;
  const std::span<const std::int64_t> sizes = weight.sizes();
  if (x.sizes().back() != sizes[1]) return false;
  if (operands.size() > 2) {
    const interp::View& bias = operands[2];
    if (bias.dtype != dtype || bias.shape.rank() != 1 || bias.shape.sizes()[0] != sizes[0])
      return false;
  }
  shape = x;
  shape.set(x.rank() - 1, Dim(sizes[0]));
  return true;
}

// The type of the result when every operand has one dtype and one shape (or is 0-d); else nothing.
bool fast_type(ir::Opcode opcode, std::span<const interp::View> operands, DType& dtype,
               Shape& shape) {
  const FastRule rule = kFastRules[static_cast<std::size_t>(opcode)];
  if (rule == FastRule::dense) return fast_dense_type(operands, dtype, shape);
  dtype = operands[0].dtype;
  if (rule == FastRule::floating && !is_floating(dtype)) return false;
  if (rule == FastRule::any_number && dtype == DType::boolean) return false;
  const Shape* common = &operands[0].shape;
  for (const interp::View& view : operands.subspan(1)) {
    if (view.dtype != dtype) return false;
    if (view.shape.rank() == 0) continue;
    if (common->rank() == 0) {
      common = &view.shape;
    } else if (*common != view.shape) {
      return false;
    }
  }
  shape = *common;
  if (rule == FastRule::comparison) dtype = DType::boolean;
  return true;
}

struct EagerOperands {
  EagerOperands(ir::Opcode opcode, Operands operands, unsigned promoted, const Promotion& promotion)
      : views(operands.size()), cells(operands.size()) {
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const TensorImpl& impl = *TensorAccess::impl(*operands[i]);
      interp::View& view = views[i];
      if (impl.weak == WeakKind::none) {
        if (impl.symbolic) require_readable(impl, ir::to_string(opcode).data());
        view.dtype = impl.dtype;
        view.shape = impl.shape;
        view.data = impl.storage->data();
      } else {
        if (impl.symbolic) require_readable(impl, ir::to_string(opcode).data());
        view.dtype = weak_target(opcode, impl, is_promoted(promoted, i), promotion);
        view.data = cells[i].bytes;
        store_weak(impl, view.dtype, view.data, ir::to_string(opcode));
      }
    }
  }
  Small<interp::View, 4> views;
  Small<Cell, 4> cells;
};

Tensors run_eager(ir::Opcode opcode, Operands operands, const ir::Attrs& attrs, unsigned promoted,
                  const Promotion& promotion) {
  const support::FloatEnvScope environment;
  const support::Snapshot snapshot;
  EagerOperands in(opcode, operands, promoted, promotion);
  const std::span<interp::View> views = in.views.span();
  return with_path([&] {
    Small<ir::Type, 4> types(views.size());
    for (std::size_t i = 0; i < views.size(); ++i)
      types[i] = {views[i].dtype, views[i].shape, false};
    const std::vector<ir::Type> inferred = ir::infer(opcode, types.span(), attrs);
    Tensors results;
    std::vector<interp::View> out;
    results.reserve(inferred.size());
    for (const ir::Type& type : inferred) {
      results.push_back(make_tensor(type.dtype, type.shape));
      out.push_back(view_of(*TensorAccess::impl(results.back())));
    }
    interp::evaluate(opcode, attrs, views, out, support::default_isa());
    if (promotion.all_weak && !converts(opcode)) {
      for (Tensor& result : results) result = finish_weak(std::move(result));
    }
    return results;
  });
}

Tensor run_eager_one(ir::Opcode opcode, Operands operands, const ir::Attrs& attrs,
                     unsigned promoted, const Promotion& promotion) {
  if (kFastRules[static_cast<std::size_t>(opcode)] != FastRule::none) {
    const support::FloatEnvScope environment;
    const support::Snapshot snapshot;
    EagerOperands in(opcode, operands, promoted, promotion);
    DType dtype{};
    Shape shape;
    if (fast_type(opcode, in.views.span(), dtype, shape)) {
      Tensor result = make_tensor(dtype, std::move(shape));
      const interp::View out = view_of(*TensorAccess::impl(result));
      with_path([&] {
        interp::evaluate(opcode, attrs, in.views.span(), {&out, 1}, support::default_isa());
      });
      return promotion.all_weak ? finish_weak(std::move(result)) : result;
    }
  }
  return std::move(run_eager(opcode, operands, attrs, promoted, promotion).front());
}

Tensors run_recorded(Recorder& recorder, ir::Opcode opcode, Operands operands,
                     const ir::Attrs& attrs, unsigned promoted, const Promotion& promotion) {
  const char* call = ir::to_string(opcode).data();
  std::vector<ir::ValueId> ids;
  ids.reserve(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const TensorImpl& impl = *TensorAccess::impl(*operands[i]);
    if (impl.weak == WeakKind::none) {
      ids.push_back(recorder.value_of(*operands[i], call));
      continue;
    }
    ids.push_back(record_weak(recorder, *operands[i],
                              weak_target(opcode, impl, is_promoted(promoted, i), promotion),
                              call));
  }
  Tensors results = recorder.record(opcode, ids, attrs);
  if (promotion.all_weak && !converts(opcode)) {
    for (Tensor& result : results) {
      TensorImpl& impl = *TensorAccess::impl(result);
      if (impl.shape.rank() == 0 && impl.dtype != DType::f64 && impl.dtype != DType::i32) {
        impl.weak = kind_of(impl.dtype);
      }
    }
  }
  return results;
}

}  // namespace

ir::ValueId record_weak(Recorder& recorder, const Tensor& x, DType dtype, const char* call) {
  const TensorImpl& impl = *TensorAccess::impl(x);
  if (!impl.symbolic && impl.trace == recorder.id() &&
      !recorder.updated(impl)) {  // a literal of the code
    Cell cell;
    const support::FloatEnvScope environment;
    store_weak(impl, dtype, cell.bytes, call);
    return recorder.constant(ir::make_literal(dtype, {}, cell.bytes));
  }
  const ir::ValueId value = recorder.value_of(x, call);
  if (recorder.function().value(value).type.dtype == dtype) return value;
  // Its value, and whether the dtype holds it, is known at a call.
  const bool checked = impl.weak == WeakKind::integer && is_integer(dtype);
  return recorder.append(checked ? ir::Opcode::narrow : ir::Opcode::cast, {value},
                         {{"dtype", dtype}});
}

interp::View view_of(const TensorImpl& impl) {
  return {impl.dtype, impl.shape, const_cast<void*>(impl.data())};
}

Tensors apply_all(ir::Opcode opcode, Operands operands, const ir::Attrs& attrs, unsigned promoted) {
  for (const Tensor* operand : operands) impl_of(*operand, ir::to_string(opcode).data());
  const Promotion promotion = promote(opcode, operands, promoted);
  if (Recorder* recorder = Recorder::current()) {
    return run_recorded(*recorder, opcode, operands, attrs, promoted, promotion);
  }
  return run_eager(opcode, operands, attrs, promoted, promotion);
}

Tensor apply_one(ir::Opcode opcode, Operands operands, const ir::Attrs& attrs, unsigned promoted) {
  for (const Tensor* operand : operands) impl_of(*operand, ir::to_string(opcode).data());
  const Promotion promotion = promote(opcode, operands, promoted);
  if (Recorder* recorder = Recorder::current()) {
    return std::move(run_recorded(*recorder, opcode, operands, attrs, promoted, promotion).front());
  }
  return run_eager_one(opcode, operands, attrs, promoted, promotion);
}

Tensor adapt(const Tensor& x, DType dtype, const char* call) {
  const TensorImpl& impl = impl_of(x, call);
  if (impl.weak == WeakKind::none) {
    if (impl.dtype == dtype) return x;
    throw DTypeError(path_prefix() + call + ": the value is " + std::string(to_string(impl.dtype)) +
                     ", the tensor " + std::string(to_string(dtype)) +
                     "; convert it with cast(value, DType::" +
                     (dtype == DType::boolean ? "boolean" : std::string(to_string(dtype))) + ")");
  }
  if (impl.weak > kind_of(dtype)) throw_weak(call, impl.weak, dtype);
  if (Recorder* recorder = Recorder::current())
    return recorder->symbolic(record_weak(*recorder, x, dtype, call));
  require_readable(impl, call);
  Cell cell;
  const support::FloatEnvScope environment;
  store_weak(impl, dtype, cell.bytes, call);
  return tensor_from(cell.bytes, dtype, {});
}

}  // namespace mlpjit::detail
