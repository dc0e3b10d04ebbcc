#pragma once
// Batch::dynamic: one trace with a symbolic batch size serves every size; a size's program is made
// from it by filling in the symbol.

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>

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
  Signature signature;
  CheckedTrace traced;
};

// The templates of one function. Safe from any thread; traces one at a time.
class BatchTemplates {
 public:
  // `trace()` makes it when there is none yet; what it throws passes.
  std::shared_ptr<const BatchTemplate> get(const Signature& signature,
                                           const std::function<CheckedTrace()>& trace);
  bool has(const Signature& signature) const;
  void clear();

 private:
  mutable std::recursive_mutex mutex_;  // a trace may call its own function with tracing paused
  std::list<std::shared_ptr<const BatchTemplate>> templates_;
};

std::vector<ArgumentSpec> specs_of(const Signature& signature, std::span<const Tensor> inputs);

}  // namespace mlpjit::detail
