// Inner loops of erf, gelu, the trigonometric functions and pow.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/elementwise_special.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/elementwise_float-inl.h"
#include "lib/interp/float_loops.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

template <class T>
InnerLoop special_loop_of(ir::Opcode opcode) {
  using enum ir::Opcode;
  switch (opcode) {
#define MLPJIT_CASE(name) \
  case name: return function_loop<T, name>;
    MLPJIT_CASE(erf)
    MLPJIT_CASE(gelu)
    MLPJIT_CASE(sin)
    MLPJIT_CASE(cos)
    MLPJIT_CASE(pow)
#undef MLPJIT_CASE
    default: return nullptr;
  }
}

InnerLoop special_loop(ir::Opcode opcode, DType dtype) {
  return dtype == DType::f32 ? special_loop_of<float>(opcode) : special_loop_of<double>(opcode);
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
