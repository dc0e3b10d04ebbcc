#include "src/hybrid/program_builder.h"

#include <chrono>

#include "src/core/log.h"
#include "src/core/path.h"

namespace mlpjit::detail {

CheckedTrace ProgramBuilder::trace(const Signature& signature, std::span<const Tensor> inputs,
                                   bool& escaped) const {
  const auto start = std::chrono::steady_clock::now();
  CheckedTrace made =
      trace_checked(body_, specs_of(signature, inputs), resolver_, options_.audit, name_, escaped);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  made.trace_ms = took.count();
  return made;
}

std::shared_ptr<const CachedProgram> ProgramBuilder::compile(const CheckedTrace& from,
                                                             const Signature& signature) const {
  const Trace& trace = from.trace;
  auto program = std::make_shared<CachedProgram>();
  program->trace_ms = from.trace_ms;
  program->captured_arguments = trace.captured_arguments;
  program->signature = signature;
  program->has_size_text = trace.has_size_text;
  if (program->has_size_text) warn(path_prefix() + name_ + ": " + kSizeText);
  for (std::size_t i = 0; i < trace.inputs.size(); ++i) {
    if (trace.inputs[i].kind == ir::InputKind::capture) program->captures.push_back(i);
  }
  program->audit = from.audit;
  program->runner = std::make_unique<const Runner>(trace, options_);
  return program;
}

void ProgramBuilder::audit(const CachedProgram& program, std::span<const Tensor> inputs) const {
  program.audit->compare(body_, specs_of(program.signature, inputs), resolver_, "a later trace");
}

}  // namespace mlpjit::detail
