#pragma once
// The results of a call: one tensor, or several.

#include <utility>

#include "mlpjit/tensor.h"

namespace mlpjit::detail {

// Nearly always one tensor, which then costs no vector.
struct Results {
  Tensor single;    // when there is exactly one
  Tensors several;  // otherwise

  Tensors take() && {
    if (single.defined()) several.push_back(std::move(single));
    return std::move(several);
  }
};

}  // namespace mlpjit::detail
