#include "src/trace/batch_template.h"

#include "lib/jit/footprint.h"

namespace mlpjit::detail {

std::optional<BatchSignature> with_symbolic_batch(const Signature& signature) {
  BatchSignature result;
  result.signature = signature;
  bool found = false;
  for (Signature::Argument& argument : result.signature.arguments) {
    if (argument.shape.rank() == 0) continue;
    const std::int64_t size = argument.shape.sizes()[0];
    if (!found) result.size = size;
    found = true;
    if (size == result.size) argument.shape.set(0, dim("B"));
  }
  return found ? std::optional(result) : std::nullopt;
}

std::vector<ArgumentSpec> specs_of(const Signature& signature, std::span<const Tensor> inputs) {
  std::vector<ArgumentSpec> specs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Signature::Argument& argument = signature.arguments[i];
    ArgumentSpec spec;
    spec.dtype = argument.dtype;
    spec.shape = argument.shape;
    spec.weak = argument.weak;
    spec.same_as = argument.same_as;
    spec.concrete = inputs[i];
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::size_t BatchTemplate::bytes() const {
  return sizeof(*this) + jit::footprint(*traced.trace.graph);
}

}  // namespace mlpjit::detail
