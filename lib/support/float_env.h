#pragma once
// The floating-point environment of the contract: round to nearest, denormals kept, traps masked.

#include <cstdint>

namespace mlpjit::support {

// Reads the control register and, only when it differs from the contract's, sets it for the scope.
class FloatEnvScope {
 public:
  FloatEnvScope() noexcept;
  ~FloatEnvScope();
  FloatEnvScope(const FloatEnvScope&) = delete;
  FloatEnvScope& operator=(const FloatEnvScope&) = delete;

 private:
  std::uint32_t saved_ = 0;
  bool changed_ = false;
};

}  // namespace mlpjit::support
