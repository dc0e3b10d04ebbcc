#include "mlpjit/jit.h"

#include "src/trace/cached_function.h"

namespace mlpjit::detail {

JitEngine::JitEngine(std::function<Tensors(const Tensors&)> body, const HybridizeOptions& options)
    : function_(std::make_shared<CachedFunction>(std::move(body), options)) {}

Tensors JitEngine::call(const Tensors& arguments) const {
  return (*function_)(arguments);
}
Explanation JitEngine::explain() const {
  return function_->explain();
}
void JitEngine::clear() const {
  function_->clear();
}

}  // namespace mlpjit::detail
