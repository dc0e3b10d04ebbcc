#pragma once
// The defaults of the two methods of which a block overrides one: they call each other.

#include "mlpjit/nn/block.h"

namespace mlpjit::detail {

// The default of each method calls the other, so that a block overrides either; this stops one that
// overrides none. `names`: "forward nor forward_n: ...", for the message.
class DefaultScope {
 public:
  DefaultScope(const nn::Block& block, const char* names);
  ~DefaultScope();
  DefaultScope(const DefaultScope&) = delete;
  DefaultScope& operator=(const DefaultScope&) = delete;

 private:
  const nn::Block* outer_;
};

// The one result of a call for one; throws UserError where there are several.
Tensor only(const nn::Block& block, Tensors outputs);
// The one input; throws UserError, naming `method`, where there are several.
const Tensor& only_input(const nn::Block& block, const Tensors& inputs, const char* method);

}  // namespace mlpjit::detail
