// Inner loops of erf, gelu, the trigonometric functions and pow.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/elementwise_special.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/elementwise_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

InnerLoop special_loop(ir::Opcode opcode, DType dtype) {
  return group_loop<LoopGroup::special>(opcode, dtype);
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::interp {

InnerLoop special_loop(ir::Opcode opcode, DType dtype, support::Isa isa) {
  return MLPJIT_CHOOSE(isa, special_loop)(opcode, dtype);
}

}  // namespace mlpjit::interp
#endif
