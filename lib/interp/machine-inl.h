// Machine<T>: the arithmetic backend of the target being compiled, with loads and stores. Included
// once per target (see targets.h), after hwy/highway.h; kernels written over it have the same bits
// on all of them.

#if defined(MLPJIT_INTERP_MACHINE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MLPJIT_INTERP_MACHINE_INL_H_
#undef MLPJIT_INTERP_MACHINE_INL_H_
#else
#define MLPJIT_INTERP_MACHINE_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lib/numerics/arithmetic.h"
#if HWY_TARGET != HWY_SCALAR
#include "lib/numerics/highway_backend-inl.h"
#endif

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

namespace num = ::mlpjit::numerics;

template <class T>
struct Machine : num::ScalarBackend<T> {
  using typename num::ScalarBackend<T>::Value;
  using typename num::ScalarBackend<T>::Mask;
  static constexpr std::size_t kWidth = 1;

  Value load(const T* p) const { return *p; }
  void store(Value x, T* p) const { *p = x; }
  // The first n lanes, 0 < n < kWidth; the others are 0. There are no parts of one lane.
  Value load_part(const T* p, std::size_t) const { return *p; }
  void store_part(Value x, T* p, std::size_t) const { *p = x; }
  // Lanes below n of a, the others of b.
  Value first(std::size_t n, Value a, Value b) const { return n > 0 ? a : b; }
  T first_lane(Value x) const { return x; }
  Mask load_mask(const std::uint8_t* p) const { return *p != 0; }
  void store_mask(Mask m, std::uint8_t* p) const { *p = m; }

  // Lane i + half to lane i, for i < half.
  template <std::size_t half>
  Value lower(Value x) const {
    return x;
  }

  // Turns kBlock columns of kWidth rows into kBlock vectors over the rows.
  static constexpr std::size_t kBlock = 1;
  template <class Row>
  void load_columns(Row row, Value* columns) const {
    columns[0] = *row(0);
  }
};

#else

namespace hn = ::hwy::HWY_NAMESPACE;
namespace num = ::mlpjit::numerics::HWY_NAMESPACE;

template <class T>
struct Machine : num::HighwayBackend<T> {
  using Tag = hn::ScalableTag<T>;
  using Value = hn::Vec<Tag>;
  using typename num::HighwayBackend<T>::Mask;
  static constexpr std::size_t kWidth = HWY_MAX_BYTES / sizeof(T);
  using Quarter = hn::Simd<T, 16 / sizeof(T), 0>;

  HWY_INLINE Value load(const T* p) const { return hn::LoadU(Tag(), p); }
  HWY_INLINE void store(Value x, T* p) const { hn::StoreU(x, Tag(), p); }
  HWY_INLINE Value load_part(const T* p, std::size_t n) const {
    return hn::MaskedLoad(hn::FirstN(Tag(), n), Tag(), p);
  }
  HWY_INLINE void store_part(Value x, T* p, std::size_t n) const {
    hn::BlendedStore(x, hn::FirstN(Tag(), n), Tag(), p);
  }
  HWY_INLINE Value first(std::size_t n, Value a, Value b) const {
    return hn::IfThenElse(hn::FirstN(Tag(), n), a, b);
  }
  HWY_INLINE T first_lane(Value x) const { return hn::GetLane(x); }
  HWY_INLINE Mask load_mask(const std::uint8_t* p) const {
    const hn::Rebind<std::uint32_t, Tag> wide;
    const auto bytes = hn::PromoteTo(wide, hn::LoadU(hn::Rebind<std::uint8_t, Tag>(), p));
    const hn::RebindToUnsigned<Tag> lanes;
    if constexpr (sizeof(T) == 4) {
      return this->mnot(this->ieq(hn::BitCast(hn::RebindToSigned<Tag>(), bytes), this->integer(0)));
    } else {
      return this->mnot(this->ieq(
          hn::BitCast(hn::RebindToSigned<Tag>(), hn::PromoteTo(lanes, bytes)), this->integer(0)));
    }
  }
  HWY_INLINE void store_mask(Mask m, std::uint8_t* p) const {
    const auto ones = this->iselect(m, this->integer(1), this->integer(0));
    const hn::Rebind<std::uint8_t, Tag> narrow;
    hn::StoreU(hn::TruncateTo(narrow, hn::BitCast(hn::RebindToUnsigned<Tag>(), ones)), narrow, p);
  }

  // Lane i + half to lane i, for i < half; the lanes above are left with anything.
  template <std::size_t half>
  HWY_INLINE Value lower(Value x) const {
    if constexpr (half * sizeof(T) == 32)
      return hn::ConcatUpperUpper(Tag(), x, x);
    else if constexpr (half * sizeof(T) == 16)
      return hn::SwapAdjacentBlocks(x);
    else if constexpr (half * sizeof(T) == 4)
      return hn::Shuffle2301(x);
    else if constexpr (sizeof(T) == 8)
      return hn::Shuffle01(x);
    else
      return hn::Shuffle1032(x);
  }

  // Turns kBlock columns of kWidth rows (row(i) points to the first) into kBlock vectors over the
  // rows: blocks of 16 bytes of the rows are put side by side, then transposed within the blocks.
  static constexpr std::size_t kBlock = 16 / sizeof(T);
  template <class Row>
  HWY_INLINE void load_columns(Row row, Value* columns) const {
    if constexpr (sizeof(T) == 4) {
      const Value v0 = side_by_side(row, 0), v1 = side_by_side(row, 1);
      const Value v2 = side_by_side(row, 2), v3 = side_by_side(row, 3);
      const hn::Repartition<double, Tag> pairs;
      const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(Tag(), v0, v1));
      const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(Tag(), v2, v3));
      const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(Tag(), v0, v1));
      const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(Tag(), v2, v3));
      columns[0] = hn::BitCast(Tag(), hn::InterleaveLower(pairs, low01, low23));
      columns[1] = hn::BitCast(Tag(), hn::InterleaveUpper(pairs, low01, low23));
      columns[2] = hn::BitCast(Tag(), hn::InterleaveLower(pairs, high01, high23));
      columns[3] = hn::BitCast(Tag(), hn::InterleaveUpper(pairs, high01, high23));
    } else {
      const Value v0 = side_by_side(row, 0), v1 = side_by_side(row, 1);
      columns[0] = hn::InterleaveLower(Tag(), v0, v1);
      columns[1] = hn::InterleaveUpper(Tag(), v0, v1);
    }
  }

 private:
  // 16 bytes of the rows j, j + kBlock, j + 2 kBlock, ...
  template <class Row>
  HWY_INLINE Value side_by_side(Row row, std::size_t j) const {
    const Quarter quarter;
    const hn::Twice<Quarter> half;
    const auto low =
        hn::Combine(half, hn::LoadU(quarter, row(j + kBlock)), hn::LoadU(quarter, row(j)));
    if constexpr (HWY_MAX_BYTES == 32) {
      return low;
    } else {
      const auto high = hn::Combine(half, hn::LoadU(quarter, row(j + 3 * kBlock)),
                                    hn::LoadU(quarter, row(j + 2 * kBlock)));
      return hn::Combine(Tag(), high, low);
    }
  }
};

#endif

// The 16 lanes of a reduction.
inline constexpr std::size_t kLanes = numerics::kLanes;

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#endif
