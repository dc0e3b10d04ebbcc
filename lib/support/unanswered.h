#pragma once
// Counts of questions to symbols that only a number answers: each time is an error, and a traced
// program in which somebody caught that error would go another way than the imperative run.

#include <cstdint>

namespace mlpjit::support {

// How often that happened on this thread.
inline std::uint64_t& unanswered() {
  thread_local std::uint64_t count = 0;
  return count;
}

// How often a size that is a symbol was made text on this thread: what a traced function does with
// it, the text says B where an imperative run has a number. Texts of errors and of symbols, which
// nobody takes for numbers, are not counted.
inline std::uint64_t& size_texts() {
  thread_local std::uint64_t count = 0;
  return count;
}

}  // namespace mlpjit::support
