#pragma once
// The distance between things that different threads write, or one writes and others read: two
// lines, which processors fetch as a pair. std::hardware_destructive_interference_size says one.

#include <cstddef>

namespace mlpjit::support {

inline constexpr std::size_t kApart = 128;

// Hints that other cores will read what this one has written: it goes to the cache that they share,
// from where they have it in a third of the time. Of more than a core keeps for itself only the
// end.
void hand_over(const void* data, std::size_t bytes) noexcept;

}  // namespace mlpjit::support
