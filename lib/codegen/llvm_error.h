#pragma once
// LLVM's errors as exceptions.

#include <utility>

#include <fmt/format.h>
#include <llvm/Support/Error.h>

#include "mlpjit/error.h"

namespace mlpjit::codegen {

inline void refuse(llvm::Error error, const char* what) {
  if (error)
    throw InternalError(fmt::format("codegen: {}: {}", what, llvm::toString(std::move(error))));
}

template <class T>
T expect(llvm::Expected<T> result, const char* what) {
  refuse(result.takeError(), what);
  return std::move(*result);
}

}  // namespace mlpjit::codegen
