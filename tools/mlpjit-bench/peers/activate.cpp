// Activations as loops, for peers that have products only.
#include <cmath>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "tools/mlpjit-bench/peers/native.h"

namespace mlpjit::bench::native {

#ifdef __AVX2__
const bool kUsesAvx2 = true;
#else
const bool kUsesAvx2 = false;
#endif
#ifdef __AVX512F__
const bool kUsesAvx512 = true;
#else
const bool kUsesAvx512 = false;
#endif

namespace {

template <class Function>
void each(float* values, std::size_t count, Function function) {
  for (std::size_t i = 0; i < count; ++i) values[i] = function(values[i]);
}

}  // namespace

void activate(Activation activation, float* values, std::size_t count) {
#ifdef __AVX__
  // LIBXSMM's kernels leave the upper halves of registers in use, and libm's functions of SSE then
  // take many times as long.
  _mm256_zeroupper();
#endif
  constexpr float kRootHalf = 0.70710678f;
  switch (activation) {
    case Activation::none: return;
    case Activation::relu: return each(values, count, [](float v) { return v > 0 ? v : 0; });
    case Activation::tanh: return each(values, count, [](float v) { return tanhf(v); });
    case Activation::sigmoid:
      return each(values, count, [](float v) { return 1 / (1 + expf(-v)); });
    case Activation::elu: return each(values, count, [](float v) { return v > 0 ? v : expm1f(v); });
    case Activation::gelu:
      return each(values, count, [](float v) { return v * 0.5f * (1 + erff(v * kRootHalf)); });
    case Activation::silu: return each(values, count, [](float v) { return v / (1 + expf(-v)); });
  }
}

}  // namespace mlpjit::bench::native
