#pragma once
// The floating-point environment of the contract: round to nearest, denormals kept, traps masked.

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace mlpjit::support {

// Reads the control register and, only when it differs from the contract's, sets it for the scope.
class FloatEnvScope {
 public:
  FloatEnvScope() noexcept
      : saved_(read_control()), changed_((saved_ & ~kStatusFlags) != kContract) {
    if (changed_) [[unlikely]]
      write_control(kContract);
  }
  ~FloatEnvScope() {
    if (changed_) [[unlikely]]
      write_control(saved_);
  }
  FloatEnvScope(const FloatEnvScope&) = delete;
  FloatEnvScope& operator=(const FloatEnvScope&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr std::uint32_t kContract = 0x1F80;  // traps masked, to nearest, denormals kept
  // Sticky exception flags: not part of the environment.
  static constexpr std::uint32_t kStatusFlags = 0x3F;
  static std::uint32_t read_control() noexcept { return _mm_getcsr(); }
  static void write_control(std::uint32_t control) noexcept { _mm_setcsr(control); }
#elif defined(__aarch64__)
  static constexpr std::uint32_t kContract = 0;
  static constexpr std::uint32_t kStatusFlags = 0;
  static std::uint32_t read_control() noexcept {
    std::uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    return static_cast<std::uint32_t>(control);
  }
  static void write_control(std::uint32_t control) noexcept {
    asm volatile("msr fpcr, %0" ::"r"(static_cast<std::uint64_t>(control)));
  }
#else
#error "add this processor's floating-point control register"
#endif

  const std::uint32_t saved_;
  const bool changed_;
};

}  // namespace mlpjit::support
