#pragma once
// The remainder of floats. No backend has it: its steps are as many as the quotient has bits.
// Normative text: docs/numerics.md.

#include <cmath>

namespace mlpjit::numerics {

template <class T>
T remainder(T x, T y) {
  const T rest = std::fmod(x, y);  // exact; NaN where x is infinite or y is 0
  if (rest == 0) return std::copysign(T{0}, y);
  return (rest < 0) == (y < 0) ? rest : rest + y;
}

}  // namespace mlpjit::numerics
