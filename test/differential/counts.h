#pragma once
// How many random programs the tests try.

#include <cstdint>
#include <cstdlib>

namespace mlpjit::differential {

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// MLPJIT_LONG_TESTS=1 runs 20,000 graphs; MLPJIT_GRAPHS and MLPJIT_SEED choose by hand.
inline std::uint64_t graph_count() {
  return number_from_environment("MLPJIT_GRAPHS", std::getenv("MLPJIT_LONG_TESTS") ? 20000 : 2000);
}

}  // namespace mlpjit::differential
