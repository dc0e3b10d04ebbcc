#pragma once
// Numbers of the user's C++ beside integer dtypes, which hold some of them only.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "mlpjit/dtype.h"

namespace mlpjit::support {

// Whether an integer dtype holds the number, a floating one without its fraction.
inline bool holds(DType dtype, std::int64_t number) {
  return dtype != DType::i32 || (number >= (std::numeric_limits<std::int32_t>::min)() &&
                                 number <= (std::numeric_limits<std::int32_t>::max)());
}
inline bool holds(DType dtype, double number) {
  const double whole = std::trunc(number);  // NaN is in no range
  return dtype == DType::i32 ? whole >= -0x1p31 && whole < 0x1p31
                             : whole >= -0x1p63 && whole < 0x1p63;
}

// What is said of a number that it does not hold.
std::string misfit_text(std::int64_t number, DType dtype);
std::string misfit_text(double number, DType dtype);

}  // namespace mlpjit::support
