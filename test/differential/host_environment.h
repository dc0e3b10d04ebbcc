#pragma once
// The floating-point environment of the caller, set for a scope.

#include <xmmintrin.h>

#include <array>

namespace mlpjit::differential {

class HostEnvironment {
 public:
  // The bits of MXCSR.
  static constexpr unsigned kPlain = 0x1f80;
  // Rounding up, down, toward zero; denormal results flushed, operands, both; every trap unmasked;
  // all at once.
  static constexpr std::array<unsigned, 8> kOthers = {0x5f80, 0x3f80, 0x7f80, 0x9f80,
                                                      0x1fc0, 0x9fc0, 0x0000, 0xe040};

  explicit HostEnvironment(unsigned control) : control_(control), saved_(_mm_getcsr()) {
    _mm_setcsr(control);
  }
  ~HostEnvironment() { _mm_setcsr(saved_ & ~kStatus); }
  HostEnvironment(const HostEnvironment&) = delete;
  HostEnvironment& operator=(const HostEnvironment&) = delete;
  // Whether it is as it was set, but for what was noted meanwhile.
  bool kept() const { return (_mm_getcsr() & ~kStatus) == control_; }

 private:
  static constexpr unsigned kStatus = 0x3f;
  unsigned control_, saved_;
};

}  // namespace mlpjit::differential
