// Highway vectors as an arithmetic backend, and the definitions of arithmetic.h in the target's
// namespace. Included by files that Highway compiles once per target (foreach_target.h); so its
// guard toggles.
//
// Only targets with a fused multiply-add have it: there HighwayBackend<T> is defined and
// MLPJIT_NUMERICS_HAVE_HIGHWAY is 1. Elsewhere (Highway 1.0.3's MulAdd rounds twice below AVX2) it
// is 0: use ScalarBackend. AVX3_ZEN4 and AVX3_DL are never wider than AVX3, hence not needed.

#include "lib/numerics/arithmetic.h"

#if defined(MLPJIT_NUMERICS_HIGHWAY_BACKEND_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLPJIT_NUMERICS_HIGHWAY_BACKEND_INL_H
#undef MLPJIT_NUMERICS_HIGHWAY_BACKEND_INL_H
#else
#define MLPJIT_NUMERICS_HIGHWAY_BACKEND_INL_H
#endif

#include <hwy/highway.h>

#undef MLPJIT_NUMERICS_HAVE_HIGHWAY
#if (HWY_TARGET == HWY_AVX2) || (HWY_TARGET == HWY_AVX3) || (HWY_TARGET == HWY_AVX3_DL)
#define MLPJIT_NUMERICS_HAVE_HIGHWAY 1
#else
#define MLPJIT_NUMERICS_HAVE_HIGHWAY 0
#endif

#if MLPJIT_NUMERICS_HAVE_HIGHWAY
HWY_BEFORE_NAMESPACE();
namespace mlpjit::numerics::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
struct HighwayBackend {
  using Lane = T;
  using Int = IntOf<T>;
  using D = hn::ScalableTag<T>;
  using DI = hn::ScalableTag<Int>;
  using Value = hn::Vec<D>;
  using Bits = hn::Vec<DI>;
  using Mask = hn::Mask<D>;
  static constexpr D d{};
  static constexpr DI di{};

  HWY_INLINE Value constant(T x) const { return hn::Set(d, x); }
  HWY_INLINE Bits integer(Int i) const { return hn::Set(di, i); }

  HWY_INLINE Value add(Value a, Value b) const { return hn::Add(a, b); }
  HWY_INLINE Value sub(Value a, Value b) const { return hn::Sub(a, b); }
  HWY_INLINE Value mul(Value a, Value b) const { return hn::Mul(a, b); }
  HWY_INLINE Value div(Value a, Value b) const { return hn::Div(a, b); }
  HWY_INLINE Value fma(Value a, Value b, Value c) const { return hn::MulAdd(a, b, c); }
  HWY_INLINE Value sqrt(Value a) const { return hn::Sqrt(a); }
  HWY_INLINE Value neg(Value a) const { return hn::Neg(a); }
  HWY_INLINE Value abs(Value a) const { return hn::Abs(a); }
  HWY_INLINE Value floor(Value a) const { return hn::Floor(a); }
  HWY_INLINE Value ceil(Value a) const { return hn::Ceil(a); }
  HWY_INLINE Value rint(Value a) const { return hn::Round(a); }
  HWY_INLINE Value trunc(Value a) const { return hn::Trunc(a); }

  HWY_INLINE Mask lt(Value a, Value b) const { return hn::Lt(a, b); }
  HWY_INLINE Mask le(Value a, Value b) const { return hn::Le(a, b); }
  HWY_INLINE Mask eq(Value a, Value b) const { return hn::Eq(a, b); }
  HWY_INLINE Mask is_nan(Value a) const { return hn::IsNaN(a); }
  // x86's instructions are these, and Highway's on x86 are x86's.
  HWY_INLINE Value lesser(Value a, Value b) const { return hn::Min(a, b); }
  HWY_INLINE Value greater(Value a, Value b) const { return hn::Max(a, b); }
  HWY_INLINE Mask mand(Mask m, Mask n) const { return hn::And(m, n); }
  HWY_INLINE Mask mor(Mask m, Mask n) const { return hn::Or(m, n); }
  HWY_INLINE Mask mnot(Mask m) const { return hn::Not(m); }
  HWY_INLINE Value select(Mask m, Value a, Value b) const { return hn::IfThenElse(m, a, b); }
  HWY_INLINE Bits iselect(Mask m, Bits i, Bits j) const {
    return hn::IfThenElse(hn::RebindMask(di, m), i, j);
  }

  HWY_INLINE Bits bits(Value a) const { return hn::BitCast(di, a); }
  HWY_INLINE Value value(Bits i) const { return hn::BitCast(d, i); }
  HWY_INLINE Bits iadd(Bits i, Bits j) const { return hn::Add(i, j); }
  HWY_INLINE Bits isub(Bits i, Bits j) const { return hn::Sub(i, j); }
  HWY_INLINE Bits iand(Bits i, Bits j) const { return hn::And(i, j); }
  HWY_INLINE Bits ior(Bits i, Bits j) const { return hn::Or(i, j); }
  HWY_INLINE Bits ixor(Bits i, Bits j) const { return hn::Xor(i, j); }
  template <int n>
  HWY_INLINE Bits shl(Bits i) const {
    return hn::ShiftLeft<n>(i);
  }
  template <int n>
  HWY_INLINE Bits shr(Bits i) const {
    const hn::RebindToUnsigned<DI> du;
    return hn::BitCast(di, hn::ShiftRight<n>(hn::BitCast(du, i)));
  }
  template <int n>
  HWY_INLINE Bits sar(Bits i) const {
    return hn::ShiftRight<n>(i);
  }
  HWY_INLINE Mask ieq(Bits i, Bits j) const { return hn::RebindMask(d, hn::Eq(i, j)); }
  HWY_INLINE Mask ilt(Bits i, Bits j) const { return hn::RebindMask(d, hn::Lt(i, j)); }

  HWY_INLINE Value to_value(Bits i) const { return hn::ConvertTo(d, i); }
  HWY_INLINE Bits to_bits(Value a) const { return hn::ConvertTo(di, a); }
  // A table that fits one register or two is permuted there; a gather costs many times more.
  HWY_INLINE Value lookup(const T* table, int count, Bits index) const {
    const auto lanes = static_cast<Int>(hn::Lanes(d));
    if (count == lanes) return permute(table, index);
    if (sizeof(T) == 4 && count == 2 * lanes) {
      const Bits within = hn::And(index, hn::Set(di, lanes - 1));
      const Mask upper = hn::RebindMask(d, hn::Ne(within, index));
      return hn::IfThenElse(upper, permute(table + lanes, within), permute(table, within));
    }
    return hn::GatherIndex(d, table, index);
  }

 private:
  HWY_INLINE static Value permute(const T* table, Bits index) {
    return hn::TableLookupLanes(hn::LoadU(d, table), hn::IndicesFromVec(d, index));
  }
};

#define MLPJIT_NUMERICS_FN HWY_INLINE
#include "lib/numerics/arithmetic-inl.h"
#undef MLPJIT_NUMERICS_FN

}  // namespace mlpjit::numerics::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MLPJIT_NUMERICS_HAVE_HIGHWAY

#endif  // toggled guard
