// The other definitions, and the dispatchers. No include guard: see elementwise.h.

// clang-format off
#include "lib/numerics/basic-inl.h"
#include "lib/numerics/exp-inl.h"
#include "lib/numerics/log-inl.h"
#include "lib/numerics/erf-inl.h"
#include "lib/numerics/trig-inl.h"
#include "lib/numerics/pow-inl.h"
// clang-format on

// x < 0 ? alpha * expm1(x) : x.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value elu(const B& b, typename B::Value x, typename B::Value alpha) {
  return b.select(b.lt(x, constant(b, 0)), b.mul(alpha, expm1(b, x)), x);
}

#include "lib/numerics/apply-inl.h"
