#pragma once
// From a runner to a call that is bound to its sizes and weights.

#include <memory>
#include <string>

#include "mlpjit/bound_call.h"
#include "src/program/runner.h"

namespace mlpjit::detail {

struct BoundAccess {
  // `name` stands in messages. Throws UserError with all that keeps it from being bound.
  static BoundCall make(std::shared_ptr<const Runner> runner, const std::vector<TensorSpec>& specs,
                        const std::string& name);
};

// Tensors of these types, for a call that is made for its program's sake. Throws UserError where a
// size is not known.
Tensors stand_ins(const std::vector<TensorSpec>& specs, const std::string& name);

}  // namespace mlpjit::detail
