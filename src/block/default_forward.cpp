#include "src/block/default_forward.h"

#include <fmt/format.h>

#include <utility>

#include "mlpjit/error.h"
#include "src/block/block_state.h"

namespace mlpjit::detail {

namespace {
thread_local const nn::Block* defaulting = nullptr;
}  // namespace

DefaultScope::DefaultScope(const nn::Block& block, const char* names) : outer_(defaulting) {
  if (defaulting == &block) {
    throw UserError(fmt::format("{}{} overrides neither {}", path_prefix(), type_of(block), names));
  }
  defaulting = &block;
}
DefaultScope::~DefaultScope() {
  defaulting = outer_;
}

Tensor only(const nn::Block& block, Tensors outputs) {
  if (outputs.size() == 1) return std::move(outputs.front());
  throw UserError(
      fmt::format("{0}{1} gave {2} results to a call for one: take them by net.call<{2}>(x), an "
                  "array, or net(Tensors{{x}})",
                  path_prefix(), type_of(block), outputs.size()));
}

const Tensor& only_input(const nn::Block& block, const Tensors& inputs, const char* method) {
  if (inputs.size() == 1) return inputs.front();
  throw UserError(fmt::format("{}{} takes one input, got {}: override {} for several",
                              path_prefix(), type_of(block), inputs.size(), method));
}

}  // namespace mlpjit::detail
