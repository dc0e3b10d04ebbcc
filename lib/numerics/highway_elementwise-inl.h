// All definitions of elementwise.h in the target's namespace, where it has HighwayBackend. Included
// once per target; so its guard toggles.

#include "lib/numerics/elementwise.h"

#if defined(MLPJIT_NUMERICS_HIGHWAY_ELEMENTWISE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLPJIT_NUMERICS_HIGHWAY_ELEMENTWISE_INL_H
#undef MLPJIT_NUMERICS_HIGHWAY_ELEMENTWISE_INL_H
#else
#define MLPJIT_NUMERICS_HIGHWAY_ELEMENTWISE_INL_H
#endif

#include "lib/numerics/highway_backend-inl.h"

#if MLPJIT_NUMERICS_HAVE_HIGHWAY
HWY_BEFORE_NAMESPACE();
namespace mlpjit::numerics::HWY_NAMESPACE {

#define MLPJIT_NUMERICS_FN HWY_INLINE
#include "lib/numerics/elementwise-inl.h"
#undef MLPJIT_NUMERICS_FN

}  // namespace mlpjit::numerics::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MLPJIT_NUMERICS_HAVE_HIGHWAY

#endif  // toggled guard
