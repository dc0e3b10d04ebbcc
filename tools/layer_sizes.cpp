#include "tools/layer_sizes.h"

#include <charconv>
#include <iostream>

#include "mlpjit/error.h"

namespace mlpjit::tools {

std::vector<std::int64_t> parse_layer_sizes(const std::string& text) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 20;
  std::vector<std::int64_t> sizes;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    std::int64_t size = -1;
    const auto [next, fault] = std::from_chars(at, end, size);
    if (fault != std::errc() || size < 0 || size > kLargest || (next != end && *next != '-')) {
      throw UserError("'" + text +
                      "': expected layer sizes up to 1048576 joined by '-', as in 512-256-128-2");
    }
    sizes.push_back(size);
    if (next == end) break;
    at = next + 1;
  }
  if (sizes.size() < 2)
    throw UserError("'" + text + "': a network needs an input size and an output size");
  return sizes;
}

void finish_output() {
  std::cout.flush();
  if (!std::cout) throw UserError("standard output cannot be written; the rest is lost");
}

}  // namespace mlpjit::tools
