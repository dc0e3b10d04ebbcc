#include "lib/support/float_env.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlpjit::support {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kContract = 0x1F80;   // traps masked, round to nearest, denormals kept
constexpr std::uint32_t kStatusFlags = 0x3F;  // sticky exception flags: not part of the environment
std::uint32_t read_control() {
  return _mm_getcsr();
}
void write_control(std::uint32_t control) {
  _mm_setcsr(control);
}
#elif defined(__aarch64__)
constexpr std::uint32_t kContract = 0;
constexpr std::uint32_t kStatusFlags = 0;
std::uint32_t read_control() {
  std::uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  return static_cast<std::uint32_t>(control);
}
void write_control(std::uint32_t control) {
  asm volatile("msr fpcr, %0" ::"r"(static_cast<std::uint64_t>(control)));
}
#else
#error "add this processor's floating-point control register"
#endif

}  // namespace

FloatEnvScope::FloatEnvScope() noexcept : saved_(read_control()) {
  changed_ = (saved_ & ~kStatusFlags) != kContract;
  if (changed_) write_control(kContract);
}

FloatEnvScope::~FloatEnvScope() {
  if (changed_) write_control(saved_);
}

}  // namespace mlpjit::support
