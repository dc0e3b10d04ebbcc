#include "lib/support/cache_line.h"

#include <algorithm>

namespace mlpjit::support {

void hand_over([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__x86_64__)
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kOwn = std::size_t{1} << 20;
  const char* const end = static_cast<const char*>(data) + bytes;
  // cldemote; processors that do not know it take it for a nop.
  for (const char* line = end - std::min(bytes, kOwn); line < end; line += kLine)
    __asm__ volatile(".byte 0x0f, 0x1c, 0x00" : : "a"(line) : "memory");
#endif
}

}  // namespace mlpjit::support
