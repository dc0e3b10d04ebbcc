#pragma once
// What was asked of symbols that only a number answers: each time is an error, and a traced program
// in which somebody caught that error would go another way than the imperative run.

#include <cstdint>

namespace mlpjit::support {

// How often that happened on this thread.
inline std::uint64_t& unanswered() {
  thread_local std::uint64_t count = 0;
  return count;
}

}  // namespace mlpjit::support
