#include "src/trace/batch_template.h"

#include <chrono>

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

std::shared_ptr<const BatchTemplate> BatchTemplates::get(
    const Signature& signature, const std::function<CheckedTrace()>& trace) {
  const std::lock_guard lock(mutex_);
  for (const auto& known : templates_) {
    if (known->signature == signature) return known;
  }
  if (making_) return nullptr;
  making_ = true;
  const auto start = std::chrono::steady_clock::now();
  std::optional<CheckedTrace> made_trace;
  try {
    made_trace = trace();
  } catch (...) {
    making_ = false;
    throw;
  }
  making_ = false;
  const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - start;
  auto made = std::make_shared<const BatchTemplate>(
      BatchTemplate{signature, std::move(*made_trace), ms.count()});
  templates_.push_back(made);
  return made;
}

void BatchTemplates::clear() {
  const std::lock_guard lock(mutex_);
  templates_.clear();
}

}  // namespace mlpjit::detail
