#pragma once
// What one core of this machine can do: measured, as the limit that the cases of the suite are
// compared with.

#include <cstddef>
#include <vector>

namespace mlpjit::bench {

struct Bandwidth {
  std::size_t bytes = 0;  // read over and over
  double gb_per_s = 0;
};

struct Machine {
  double gflops_f32 = 0, gflops_f64 = 0;  // of fused multiply-adds on registers
  int lanes_f32 = 0;                      // of a vector
  std::vector<Bandwidth> bandwidth;       // by ascending footprint

  // Of vectors of f32: two fused multiply-adds each cycle.
  double cycles_per_ns() const { return gflops_f32 / (4.0 * lanes_f32); }
  // Between two footprints that were measured, in the logarithm.
  double gb_per_s(double bytes) const;
};

// The best of several tries of each; takes some tenths of a second.
Machine measure_machine();

}  // namespace mlpjit::bench
