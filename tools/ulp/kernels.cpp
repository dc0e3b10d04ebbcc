#include "tools/ulp/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tools/ulp/kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "lib/numerics/highway_backend-inl.h"
#include "tools/ulp/functions.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::ulp::HWY_NAMESPACE {

template <ir::Opcode opcode, class T>
HWY_NOINLINE void evaluate_one(const T* x, const T* y, T* out, std::size_t count) {
#if MLPJIT_NUMERICS_HAVE_HIGHWAY
  namespace target = numerics::HWY_NAMESPACE;
  namespace hn = hwy::HWY_NAMESPACE;
  const target::HighwayBackend<T> backend;
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const hn::Vec<decltype(d)> operands[] = {hn::LoadU(d, x + i), hn::LoadU(d, y + i)};
    hn::StoreU(target::apply<opcode>(backend, operands, numerics::Params{}), d, out + i);
  }
#else
  const numerics::ScalarBackend<T> backend;
  for (std::size_t i = 0; i < count; ++i) {
    const T operands[] = {x[i], y[i]};
    out[i] = numerics::apply<opcode>(backend, operands, numerics::Params{});
  }
#endif
}

template <class T>
void evaluate_any(ir::Opcode opcode, const T* x, const T* y, T* out, std::size_t count) {
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    ((kFunctions[i].opcode == opcode ? evaluate_one<kFunctions[i].opcode>(x, y, out, count)
                                     : void()),
     ...);
  }(std::make_index_sequence<kFunctions.size()>{});
}

void evaluate_f32(ir::Opcode opcode, const float* x, const float* y, float* out,
                  std::size_t count) {
  evaluate_any(opcode, x, y, out, count);
}
void evaluate_f64(ir::Opcode opcode, const double* x, const double* y, double* out,
                  std::size_t count) {
  evaluate_any(opcode, x, y, out, count);
}
std::string name() {
#if MLPJIT_NUMERICS_HAVE_HIGHWAY
  return hwy::TargetName(HWY_TARGET);
#else
  return "scalar";
#endif
}

}  // namespace mlpjit::ulp::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::ulp {

HWY_EXPORT(evaluate_f32);
HWY_EXPORT(evaluate_f64);
HWY_EXPORT(name);

void evaluate(ir::Opcode opcode, const float* x, const float* y, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(evaluate_f32)(opcode, x, y, out, count);
}
void evaluate(ir::Opcode opcode, const double* x, const double* y, double* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(evaluate_f64)(opcode, x, y, out, count);
}
std::string instruction_set() {
  return HWY_DYNAMIC_DISPATCH(name)();
}

}  // namespace mlpjit::ulp
#endif
