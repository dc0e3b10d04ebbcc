#include "tools/ulp/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tools/ulp/kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "lib/numerics/highway_elementwise-inl.h"
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

template <ir::Opcode opcode, class T>
HWY_NOINLINE void chain_one(const T* x, const T* y, T* out, std::size_t rounds) {
#if MLPJIT_NUMERICS_HAVE_HIGHWAY
  using Backend = numerics::HWY_NAMESPACE::HighwayBackend<T>;
  const hwy::HWY_NAMESPACE::ScalableTag<T> d;
  const auto load = [&](const T* from) { return hwy::HWY_NAMESPACE::LoadU(d, from); };
  const auto store = [&](auto value) { hwy::HWY_NAMESPACE::StoreU(value, d, out); };
  const auto call = [](const Backend& b, const typename Backend::Value* operands) HWY_ATTR {
    return numerics::HWY_NAMESPACE::apply<opcode>(b, operands, numerics::Params{});
  };
#else
  using Backend = numerics::ScalarBackend<T>;
  const auto load = [&](const T* from) { return *from; };
  const auto store = [&](T value) { *out = value; };
  const auto call = [](const Backend& b, const T* operands) {
    return numerics::apply<opcode>(b, operands, numerics::Params{});
  };
#endif
  const Backend b;
  // Unknown to the compiler, or there were no chain.
  volatile typename Backend::Int zero = 0;
  const auto none = b.integer(zero);
  typename Backend::Value operands[] = {load(x), load(y)};
  const auto first = b.bits(operands[0]);
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto result = b.bits(call(b, operands));
    operands[0] = b.value(b.ior(b.iand(result, none), first));
  }
  store(operands[0]);
}

template <class T>
void evaluate_any(ir::Opcode opcode, const T* x, const T* y, T* out, std::size_t count) {
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    ((kFunctions[i].opcode == opcode ? evaluate_one<kFunctions[i].opcode>(x, y, out, count)
                                     : void()),
     ...);
  }(std::make_index_sequence<kFunctions.size()>{});
}

template <class T>
void chain_any(ir::Opcode opcode, const T* x, const T* y, T* out, std::size_t rounds) {
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    ((kFunctions[i].opcode == opcode ? chain_one<kFunctions[i].opcode>(x, y, out, rounds) : void()),
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
void chain_f32(ir::Opcode opcode, const float* x, const float* y, float* out, std::size_t rounds) {
  chain_any(opcode, x, y, out, rounds);
}
void chain_f64(ir::Opcode opcode, const double* x, const double* y, double* out,
               std::size_t rounds) {
  chain_any(opcode, x, y, out, rounds);
}
std::size_t bytes() {
#if MLPJIT_NUMERICS_HAVE_HIGHWAY
  const hwy::HWY_NAMESPACE::ScalableTag<float> d;
  return hwy::HWY_NAMESPACE::Lanes(d) * sizeof(float);
#else
  return 0;
#endif
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
HWY_EXPORT(chain_f32);
HWY_EXPORT(chain_f64);
HWY_EXPORT(bytes);
HWY_EXPORT(name);

void evaluate(ir::Opcode opcode, const float* x, const float* y, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(evaluate_f32)(opcode, x, y, out, count);
}
void evaluate(ir::Opcode opcode, const double* x, const double* y, double* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(evaluate_f64)(opcode, x, y, out, count);
}
void chain(ir::Opcode opcode, const float* x, const float* y, float* out, std::size_t rounds) {
  HWY_DYNAMIC_DISPATCH(chain_f32)(opcode, x, y, out, rounds);
}
void chain(ir::Opcode opcode, const double* x, const double* y, double* out, std::size_t rounds) {
  HWY_DYNAMIC_DISPATCH(chain_f64)(opcode, x, y, out, rounds);
}
std::size_t vector_bytes() {
  return HWY_DYNAMIC_DISPATCH(bytes)();
}
bool use_instruction_set(std::string_view name) {
  const std::int64_t target = name == "avx2" ? HWY_AVX2 : HWY_AVX3;
  if ((hwy::SupportedTargets() & target) == 0) return false;
  hwy::GetChosenTarget().Update(target);
  return true;
}
std::string instruction_set() {
  return HWY_DYNAMIC_DISPATCH(name)();
}

}  // namespace mlpjit::ulp
#endif
