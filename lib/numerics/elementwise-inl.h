// All definitions and the dispatchers. No include guard: see elementwise.h.

#include "lib/numerics/basic-inl.h"

#define MLPJIT_NUMERICS_DECLARE(name) \
  template <class B>                  \
  typename B::Value name(const B& b, typename B::Value x);
MLPJIT_NUMERICS_DECLARE(exp)
MLPJIT_NUMERICS_DECLARE(log)
MLPJIT_NUMERICS_DECLARE(expm1)
MLPJIT_NUMERICS_DECLARE(log1p)
MLPJIT_NUMERICS_DECLARE(tanh)
MLPJIT_NUMERICS_DECLARE(sigmoid)
MLPJIT_NUMERICS_DECLARE(softplus)
MLPJIT_NUMERICS_DECLARE(silu)
MLPJIT_NUMERICS_DECLARE(erf)
MLPJIT_NUMERICS_DECLARE(gelu)
MLPJIT_NUMERICS_DECLARE(gelu_tanh)
MLPJIT_NUMERICS_DECLARE(sin)
MLPJIT_NUMERICS_DECLARE(cos)
#undef MLPJIT_NUMERICS_DECLARE
template <class B>
typename B::Value pow(const B& b, typename B::Value x, typename B::Value y);

// x < 0 ? alpha * expm1(x) : x.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value elu(const B& b, typename B::Value x, typename B::Value alpha) {
  return b.select(b.lt(x, constant(b, 0)), b.mul(alpha, expm1(b, x)), x);
}

#include "lib/numerics/apply-inl.h"
