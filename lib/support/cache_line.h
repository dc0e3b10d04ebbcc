#pragma once
// How far apart things must lie that different threads write, or one writes and others read: two
// lines, which processors fetch as a pair. std::hardware_destructive_interference_size says one.

#include <cstddef>

namespace mlpjit::support {

inline constexpr std::size_t kApart = 128;

}  // namespace mlpjit::support
