// Inner loops of the functions built on exp and log.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/elementwise_exponential.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/elementwise_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

InnerLoop exponential_loop(ir::Opcode opcode, DType dtype) {
  return group_loop<LoopGroup::exponential>(opcode, dtype);
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
