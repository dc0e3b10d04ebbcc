#pragma once
// One trace with a symbolic batch size serves every size.

#include <cstdint>
#include <optional>

#include "lib/jit/cache.h"
#include "src/trace/audit.h"
#include "src/trace/signature.h"

namespace mlpjit::detail {

// The batch size (axis 0 of the first argument that has axes), and the signature with the symbol B
// in its place, in every argument whose axis 0 has that size.
struct BatchSignature {
  std::int64_t size = 0;
  Signature signature;
};
std::optional<BatchSignature> with_symbolic_batch(const Signature& signature);

struct BatchTemplate {
  CheckedTrace traced;
  double trace_ms = 0;
  std::size_t bytes() const;
};
using BatchTemplates = jit::Cache<Signature, BatchTemplate>;

std::vector<ArgumentSpec> specs_of(const Signature& signature, std::span<const Tensor> inputs);

}  // namespace mlpjit::detail
