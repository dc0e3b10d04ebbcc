#pragma once
// Programs that hang on values of arguments, not on their types alone: a variant for each.

#include <cstdint>
#include <utility>

namespace mlpjit::detail {

// The variant that the compiled call on this thread is of, while it runs and traces; 0 for none.
class VariantScope {
 public:
  explicit VariantScope(std::uint64_t variant) : outer_(std::exchange(current_, variant)) {}
  ~VariantScope() { current_ = outer_; }
  VariantScope(const VariantScope&) = delete;
  VariantScope& operator=(const VariantScope&) = delete;
  static std::uint64_t current() { return current_; }

 private:
  std::uint64_t outer_;
  static inline constinit thread_local std::uint64_t current_ = 0;
};

// A key of programs, of a structure and a variant.
inline std::uint64_t structure_of(std::uint64_t structure, std::uint64_t variant) {
  return structure + (variant << 32U);
}

}  // namespace mlpjit::detail
