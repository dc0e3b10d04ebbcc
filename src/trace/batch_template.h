#pragma once
// One trace with a symbolic batch size serves every size.

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
  double trace_ms = 0;
};

// The templates of one function. Safe from any thread; traces one at a time.
class BatchTemplates {
 public:
  // `trace()` makes it when there is none yet; what it throws passes. Null for a call from within a
  // trace.
  std::shared_ptr<const BatchTemplate> get(const Signature& signature,
                                           const std::function<CheckedTrace()>& trace);
  void clear();

 private:
  mutable std::recursive_mutex mutex_;  // a trace may call its own function with tracing paused
  bool making_ = false;
  std::list<std::shared_ptr<const BatchTemplate>> templates_;
};

std::vector<ArgumentSpec> specs_of(const Signature& signature, std::span<const Tensor> inputs);

}  // namespace mlpjit::detail
