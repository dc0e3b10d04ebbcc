// Inner loops of the functions built on exp and log.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/elementwise_exponential.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/elementwise_float-inl.h"
#include "lib/interp/float_loops.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

template <class T>
InnerLoop exponential_loop_of(ir::Opcode opcode) {
  using enum ir::Opcode;
  switch (opcode) {
#define MLPJIT_CASE(name) \
  case name: return function_loop<T, name>;
    MLPJIT_CASE(exp)
    MLPJIT_CASE(expm1)
    MLPJIT_CASE(tanh)
    MLPJIT_CASE(sigmoid)
    MLPJIT_CASE(softplus)
    MLPJIT_CASE(silu)
    MLPJIT_CASE(elu)
    MLPJIT_CASE(gelu_tanh)
    MLPJIT_CASE(log)
    MLPJIT_CASE(log1p)
#undef MLPJIT_CASE
    default: return nullptr;
  }
}

InnerLoop exponential_loop(ir::Opcode opcode, DType dtype) {
  return dtype == DType::f32 ? exponential_loop_of<float>(opcode)
                             : exponential_loop_of<double>(opcode);
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::interp {

InnerLoop exponential_loop(ir::Opcode opcode, DType dtype, support::Isa isa) {
  return MLPJIT_CHOOSE(isa, exponential_loop)(opcode, dtype);
}

}  // namespace mlpjit::interp
#endif
