#pragma once
// The arithmetic backend, over which the definitions of lib/numerics are written. It holds lanes of
// one float type T and performs exactly defined steps on them; the same definition gives the same
// bits on every backend: ScalarBackend (here), HighwayBackend (highway_backend-inl.h) and the LLVM
// builder (lib/codegen). Value, Bits and Mask are opaque: they may be numbers, registers or handles
// of instructions being built.
//
//   using Lane = T; using Int = the signed integer of the same width;
//   Value lanes of T, Bits lanes of Int, Mask lanes of truth
//
//   constant(T), integer(Int)       the same value in every lane
//   add sub mul div (a, b)          IEEE 754, one rounding, nearest even
//   fma (a, b, c), sqrt (a)         the same; fma is a * b + c
//   neg abs (a)                     sign bit only, NaN included
//   floor ceil rint trunc (a)       rint is half to even; all keep the sign of zero
//   lt le eq (a, b)                 false on NaN
//   is_nan (a)
//   lesser (a, b)                   a < b ? a : b, so b where either is NaN or they are equal
//   greater (a, b)                  a > b ? a : b, likewise
//   mand mor (m, n), mnot (m)
//   select (m, a, b)                lane by lane, no branch
//   iselect (m, i, j)               the same for Bits
//   bits (a), value (i)             the same bits, the other type
//   iadd isub (i, j)                wrap
//   iand ior ixor (i, j)
//   shl<n> shr<n> sar<n> (i)        0 <= n < width; shr is logical, sar arithmetic
//   ieq ilt (i, j)                  signed
//   to_value (i)                    the number; exact where representable
//   to_bits (a)                     the number; a is integral and in range
//   lookup (table, count, i)        table[i], 0 <= i < count in every lane

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace mlpjit::numerics {

template <class T>
using IntOf = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

// One lane, in plain C++. std::fma is exact with or without the instruction.
template <class T>
struct ScalarBackend {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  using Lane = T;
  using Int = IntOf<T>;
  using Unsigned = std::make_unsigned_t<Int>;
  using Value = T;
  using Bits = Int;
  using Mask = bool;

  Value constant(T x) const { return x; }
  Bits integer(Int i) const { return i; }

  Value add(Value a, Value b) const { return a + b; }
  Value sub(Value a, Value b) const { return a - b; }
  Value mul(Value a, Value b) const { return a * b; }
  Value div(Value a, Value b) const { return a / b; }
  Value fma(Value a, Value b, Value c) const { return std::fma(a, b, c); }
  Value sqrt(Value a) const { return std::sqrt(a); }
  Value neg(Value a) const { return -a; }
  Value abs(Value a) const { return std::fabs(a); }
  Value floor(Value a) const { return std::floor(a); }
  Value ceil(Value a) const { return std::ceil(a); }
  Value rint(Value a) const { return std::nearbyint(a); }
  Value trunc(Value a) const { return std::trunc(a); }

  Mask lt(Value a, Value b) const { return a < b; }
  Mask le(Value a, Value b) const { return a <= b; }
  Mask eq(Value a, Value b) const { return a == b; }
  Mask is_nan(Value a) const { return a != a; }
  Value lesser(Value a, Value b) const { return a < b ? a : b; }
  Value greater(Value a, Value b) const { return a > b ? a : b; }
  Mask mand(Mask m, Mask n) const { return m && n; }
  Mask mor(Mask m, Mask n) const { return m || n; }
  Mask mnot(Mask m) const { return !m; }
  Value select(Mask m, Value a, Value b) const { return m ? a : b; }
  Bits iselect(Mask m, Bits i, Bits j) const { return m ? i : j; }

  Bits bits(Value a) const { return std::bit_cast<Bits>(a); }
  Value value(Bits i) const { return std::bit_cast<Value>(i); }
  Bits iadd(Bits i, Bits j) const { return wrap(unwrap(i) + unwrap(j)); }
  Bits isub(Bits i, Bits j) const { return wrap(unwrap(i) - unwrap(j)); }
  Bits iand(Bits i, Bits j) const { return i & j; }
  Bits ior(Bits i, Bits j) const { return i | j; }
  Bits ixor(Bits i, Bits j) const { return i ^ j; }
  template <int n>
  Bits shl(Bits i) const {
    return wrap(unwrap(i) << n);
  }
  template <int n>
  Bits shr(Bits i) const {
    return wrap(unwrap(i) >> n);
  }
  template <int n>
  Bits sar(Bits i) const {
    return i >> n;
  }
  Mask ieq(Bits i, Bits j) const { return i == j; }
  Mask ilt(Bits i, Bits j) const { return i < j; }

  Value to_value(Bits i) const { return static_cast<Value>(i); }
  Bits to_bits(Value a) const { return static_cast<Bits>(a); }
  Value lookup(const T* table, [[maybe_unused]] int count, Bits index) const {
    return table[index];
  }

 private:
  static Unsigned unwrap(Bits i) { return static_cast<Unsigned>(i); }
  static Bits wrap(Unsigned i) { return static_cast<Bits>(i); }
};

// Lanes of a reduction, whatever the width of the machine's vectors.
inline constexpr int kLanes = 16;
// Elements of a block of a long sum; the sums of blocks are added in the order of a binary counter.
inline constexpr int kSumBlock = 1024;

}  // namespace mlpjit::numerics
