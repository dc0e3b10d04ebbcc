#pragma once
// From a function to its programs: a trace for a signature, and what that is compiled to.

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "mlpjit/options.h"
#include "src/hybrid/cached_program.h"
#include "src/program/audit.h"
#include "src/program/batch_readings.h"

namespace mlpjit::detail {

inline constexpr const char* kSizeText =
    "text was made of a size that is a symbol (to_string or << of a shape): it says B at every "
    "call. Ways out: Batch::exact, or text that has no batch size";

class ProgramBuilder {
 public:
  // `name` stands in messages.
  ProgramBuilder(TracedFunction body, const HybridizeOptions& options, ParameterResolver resolver,
                 std::string name)
      : body_(std::move(body)),
        options_(options),
        resolver_(std::move(resolver)),
        name_(std::move(name)) {}

  // `escaped` is set where the trace assigned a C++ variable.
  CheckedTrace trace(const Signature& signature, std::span<const Tensor> inputs,
                     bool& escaped) const;
  std::shared_ptr<const CachedProgram> compile(const CheckedTrace& from,
                                               const Signature& signature) const;
  // Traces again and compares.
  void audit(const CachedProgram& program, std::span<const Tensor> inputs) const;
  Tensors run(std::span<const Tensor> inputs) const {
    return body_(Tensors(inputs.begin(), inputs.end()));
  }

 private:
  const TracedFunction body_;
  const HybridizeOptions options_;
  const ParameterResolver resolver_;
  const std::string name_;
};

}  // namespace mlpjit::detail
