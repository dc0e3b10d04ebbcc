#pragma once
// The largest error of a function over all (or a stride of all) floats, or over samples of doubles.

#include <cstdint>
#include <string>

#include "tools/ulp/functions.h"

namespace mlpjit::ulp {

struct Worst {
  double ulp = 0;  // infinite where NaN and number are exchanged
  double x = 0;
  double y = 0;  // second argument of pow
  std::uint64_t count = 0;

  void join(const Worst& other) {
    count += other.count;
    if (other.ulp > ulp) {
      ulp = other.ulp;
      x = other.x;
      y = other.y;
    }
  }
};

// Every stride-th of the 2^32 floats; for pow, as many pairs of several distributions.
Worst sweep_f32(const Function& function, std::uint64_t stride, int threads);
// That many samples of each of several distributions, and the special values.
Worst sample_f64(const Function& function, std::uint64_t samples, int threads);

}  // namespace mlpjit::ulp
