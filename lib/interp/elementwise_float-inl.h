// The inner loops of element-wise ops on floats, over Machine<T>. Included once per target.

#if defined(MLPJIT_INTERP_ELEMENTWISE_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MLPJIT_INTERP_ELEMENTWISE_FLOAT_INL_H_
#undef MLPJIT_INTERP_ELEMENTWISE_FLOAT_INL_H_
#else
#define MLPJIT_INTERP_ELEMENTWISE_FLOAT_INL_H_
#endif

#include "lib/interp/float_loops.h"
#include "lib/interp/machine-inl.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/highway_elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

constexpr int operand_count(ir::Opcode opcode) {
  switch (opcode) {
#define MLPJIT_COUNT_unary 1
#define MLPJIT_COUNT_alpha 1
#define MLPJIT_COUNT_range 1
#define MLPJIT_COUNT_binary 2
#define MLPJIT_COUNT_ternary 3
#define MLPJIT_NUMERICS_FUNCTION(name, form, ...) \
  case ir::Opcode::name: return MLPJIT_COUNT_##form;
#include "lib/numerics/functions.def"
#undef MLPJIT_COUNT_unary
#undef MLPJIT_COUNT_alpha
#undef MLPJIT_COUNT_range
#undef MLPJIT_COUNT_binary
#undef MLPJIT_COUNT_ternary
    default: return 0;
  }
}

// Walks n elements in whole vectors; the body stands once. An operand that stands still is read
// from a vector of copies, and the rest of less than a vector from buffers, so that nothing outside
// the operands is touched.
// Step has, for one vector:
//   static void run(const Machine<T>&, const void* const* operands, void* result, const Params&)
template <class T, std::size_t kCount, std::size_t kFirstBytes, std::size_t kResultBytes,
          class Step>
void vector_loop(const void* const* operands, const bool* scalar, void* result, std::size_t n,
                 const numerics::Params& params) {
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  const Machine<T> machine;
  alignas(64) std::byte spread[kCount][kWidth * sizeof(T)];
  const void* at[kCount];
  std::size_t move[kCount];
  const auto bytes_of = [](std::size_t k) { return k == 0 ? kFirstBytes : sizeof(T); };
  for (std::size_t k = 0; k < kCount; ++k) {
    at[k] = operands[k];
    move[k] = kWidth * bytes_of(k);
    if (!scalar[k] || n == 1) continue;
    for (std::size_t i = 0; i < kWidth; ++i) {
      std::memcpy(spread[k] + i * bytes_of(k), operands[k], bytes_of(k));
    }
    at[k] = spread[k];
    move[k] = 0;
  }
  std::size_t count = n / kWidth;
  const std::size_t rest = n % kWidth;
  auto* to = static_cast<std::byte*>(result);
  alignas(64) std::byte last[kWidth * kResultBytes];
  for (bool in_rest = false;; in_rest = true) {
    for (std::size_t i = 0; i < count; ++i) {
      Step::run(machine, at, to, params);
      for (std::size_t k = 0; k < kCount; ++k) {
        at[k] = static_cast<const std::byte*>(at[k]) + move[k];
      }
      to += kWidth * kResultBytes;
    }
    if (in_rest) {
      std::memcpy(static_cast<std::byte*>(result) + (n - rest) * kResultBytes, last,
                  rest * kResultBytes);
      return;
    }
    if (rest == 0) return;
    for (std::size_t k = 0; k < kCount; ++k) {
      if (move[k] == 0) continue;
      std::memset(spread[k], 0, sizeof spread[k]);
      std::memcpy(spread[k], at[k], rest * bytes_of(k));
      at[k] = spread[k];
    }
    to = last;
    count = 1;
  }
}

template <class T, ir::Opcode opcode>
struct FunctionStep {
  static HWY_INLINE void run(const Machine<T>& machine, const void* const* operands, void* result,
                             const numerics::Params& params) {
    typename Machine<T>::Value values[operand_count(opcode)];
    for (int k = 0; k < operand_count(opcode); ++k) {
      values[k] = machine.load(static_cast<const T*>(operands[k]));
    }
    machine.store(num::apply<opcode>(machine, values, params), static_cast<T*>(result));
  }
};

template <class T, ir::Opcode opcode>
void function_loop(const void* const* operands, const bool* scalar, void* result, std::size_t n,
                   const numerics::Params& params) {
  vector_loop<T, operand_count(opcode), sizeof(T), sizeof(T), FunctionStep<T, opcode>>(
      operands, scalar, result, n, params);
}

// The loop of a function whose column `loops` is `group`; null for all other ops. Only the loops of
// the group are compiled.
template <class T, LoopGroup group>
InnerLoop group_loop(ir::Opcode opcode) {
  switch (opcode) {
#define MLPJIT_NUMERICS_FUNCTION(name, form, loops, cost) \
  case ir::Opcode::name:                                  \
    if constexpr (group == LoopGroup::loops)              \
      return function_loop<T, ir::Opcode::name>;          \
    else                                                  \
      return nullptr;
#include "lib/numerics/functions.def"
    default: return nullptr;
  }
}

template <LoopGroup group>
InnerLoop group_loop(ir::Opcode opcode, DType dtype) {
  return dtype == DType::f32 ? group_loop<float, group>(opcode) : group_loop<double, group>(opcode);
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#endif
