#pragma once
// Waiting for what another core is about to do.

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlpjit::support {

// Leaves the core's other hardware thread the machine for a moment.
inline void pause() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace mlpjit::support
