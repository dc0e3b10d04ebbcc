// Inner loops of arithmetic, comparisons and selections of floats.

#include "lib/interp/targets.h"
#include "lib/ir/opcodes.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/elementwise_basic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/elementwise_float-inl.h"
#include "lib/numerics/remainder.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

template <class T, ir::Opcode opcode>
struct ComparisonStep {
  static HWY_INLINE void run(const Machine<T>& machine, const void* const* operands, void* result,
                             const numerics::Params&) {
    const auto a = machine.load(static_cast<const T*>(operands[0]));
    const auto b = machine.load(static_cast<const T*>(operands[1]));
    machine.store_mask(num::compare<opcode>(machine, a, b), static_cast<std::uint8_t*>(result));
  }
};

template <class T, ir::Opcode opcode>
void comparison_loop(const void* const* operands, const bool* scalar, void* result, std::size_t n,
                     const numerics::Params& params) {
  vector_loop<T, 2, sizeof(T), 1, ComparisonStep<T, opcode>>(operands, scalar, result, n, params);
}

template <class T>
struct WhereStep {
  static HWY_INLINE void run(const Machine<T>& machine, const void* const* operands, void* result,
                             const numerics::Params&) {
    const auto mask = machine.load_mask(static_cast<const std::uint8_t*>(operands[0]));
    const auto yes = machine.load(static_cast<const T*>(operands[1]));
    const auto no = machine.load(static_cast<const T*>(operands[2]));
    machine.store(machine.select(mask, yes, no), static_cast<T*>(result));
  }
};

template <class T>
void where_loop(const void* const* operands, const bool* scalar, void* result, std::size_t n,
                const numerics::Params& params) {
  vector_loop<T, 3, 1, sizeof(T), WhereStep<T>>(operands, scalar, result, n, params);
}

template <class T>
InnerLoop choice_loop(ir::Opcode opcode) {
  using enum ir::Opcode;
  switch (opcode) {
    case equal: return comparison_loop<T, equal>;
    case not_equal: return comparison_loop<T, not_equal>;
    case less: return comparison_loop<T, less>;
    case less_equal: return comparison_loop<T, less_equal>;
    case greater: return comparison_loop<T, greater>;
    case greater_equal: return comparison_loop<T, greater_equal>;
    case where: return where_loop<T>;
    default: return nullptr;
  }
}

InnerLoop basic_loop(ir::Opcode opcode, DType dtype) {
  if (const InnerLoop loop = group_loop<LoopGroup::basic>(opcode, dtype)) return loop;
  return dtype == DType::f32 ? choice_loop<float>(opcode) : choice_loop<double>(opcode);
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::interp {

InnerLoop basic_loop(ir::Opcode opcode, DType dtype, support::Isa isa) {
  return MLPJIT_CHOOSE(isa, basic_loop)(opcode, dtype);
}

namespace {

template <class T>
void remainder_loop(const void* const* operands, const bool* scalar, void* result, std::size_t n,
                    const numerics::Params&) {
  const auto* x = static_cast<const T*>(operands[0]);
  const auto* y = static_cast<const T*>(operands[1]);
  auto* to = static_cast<T*>(result);
  for (std::size_t i = 0; i < n; ++i)
    to[i] = numerics::remainder(x[scalar[0] ? 0 : i], y[scalar[1] ? 0 : i]);
}

}  // namespace

InnerLoop float_loop(ir::Opcode opcode, DType dtype, support::Isa isa) {
  if (opcode == ir::Opcode::remainder)
    return dtype == DType::f32 ? remainder_loop<float> : remainder_loop<double>;
  if (const InnerLoop loop = basic_loop(opcode, dtype, isa)) return loop;
  if (const InnerLoop loop = exponential_loop(opcode, dtype, isa)) return loop;
  return special_loop(opcode, dtype, isa);
}

}  // namespace mlpjit::interp
#endif
