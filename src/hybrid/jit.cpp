#include "mlpjit/jit.h"

#include "src/hybrid/cached_function.h"

namespace mlpjit::detail {

JitEngine::JitEngine(std::function<Tensors(const Tensors&)> body, const HybridizeOptions& options)
    : function_(std::make_shared<CachedFunction>(std::move(body), options)) {}

CachedFunction& JitEngine::function() const {
  if (function_) return *function_;
  throw UserError("this jitted function was moved from and stands for none");
}

Tensors JitEngine::call(std::span<const Tensor> arguments) const {
  return function().call(arguments, 0).take();
}
Tensor JitEngine::call_one(std::span<const Tensor> arguments) const {
  Results results = function().call(arguments, 0);
  if (results.single.defined()) return std::move(results.single);
  return Unflatten<Tensor>::from(std::move(results).take());
}
Explanation JitEngine::explain() const {
  return function().explain();
}
void JitEngine::clear() const {
  function().clear();
}

}  // namespace mlpjit::detail
