#include "src/hybrid/cached_program.h"

#include <algorithm>

#include "src/program/graph_data.h"

namespace mlpjit::detail {

namespace {

std::string spec_text(const Tensor& tensor) {
  return to_string(TensorSpec{tensor.dtype(), tensor.shape()});
}

std::string input_name(const CachedProgram& program, const Binding& binding) {
  const auto input = static_cast<std::size_t>(&binding - program.runner->inputs().data());
  const ir::Input& described = program.runner->compiled().inputs()[input];
  return std::string(ir::to_string(described.kind)) + " " + described.name;
}

}  // namespace

bool CachedProgram::same_captures(std::span<const Tensor> inputs) const {
  for (const auto& [argument, tensor] : captured_arguments) {
    if (TensorAccess::impl(inputs[argument]) != TensorAccess::impl(tensor.handle())) return false;
  }
  if (!runner->updates_tensors()) return true;
  for (const Binding& binding : runner->inputs()) {
    if (!binding.tensor.defined()) continue;
    for (const Tensor& input : inputs) {
      if (TensorAccess::impl(input) == TensorAccess::impl(binding.tensor)) return false;
    }
  }
  return true;
}

std::string CachedProgram::described(const Binding& capture) const {
  return input_name(*this, capture) + " (" + spec_text(capture.tensor) + ")";
}

bool lost_any(const Trace& trace) {
  return std::any_of(trace.inputs.begin(), trace.inputs.end(), [](const Binding& binding) {
    return binding.kind == ir::InputKind::capture && binding.tensor.lost();
  });
}

std::vector<Guard> all_guards(const Signature& signature, const CachedProgram& program) {
  std::vector<Guard> guards = guards_of(signature);
  for (const auto& [argument, tensor] : program.captured_arguments) {
    guards.push_back({"storage of argument " + std::to_string(argument),
                      "the tensor that the function captured"});
  }
  for (const Binding& binding : program.runner->inputs()) {
    if (binding.tensor.defined())
      guards.push_back({input_name(program, binding), spec_text(binding.tensor)});
  }
  return guards;
}

}  // namespace mlpjit::detail
