#pragma once
// What C++ throws, as a status and a text of the thread.

#include "mlpjit/c_api.h"

namespace mlpjit::c_api {

// A fault of the caller's. `what` is a literal.
struct BadArgument {
  const char* what;
};
inline void require(bool holds, const char* what) {
  if (!holds) throw BadArgument{what};
}

// The thread's last error, set and given back.
mlpjit_status failed(mlpjit_status status, const char* text) noexcept;
// By the exception that is being handled.
mlpjit_status failed() noexcept;
void succeeded() noexcept;

// Runs `f`; what it throws is the thread's last error, and `otherwise` comes back.
template <class T, class F>
T guarded(T otherwise, F f) noexcept {
  try {
    T result = f();
    succeeded();
    return result;
  } catch (...) {
    failed();
    return otherwise;
  }
}

template <class F>
mlpjit_status status_of(F f) noexcept {
  try {
    f();
  } catch (...) {
    return failed();
  }
  succeeded();
  return MLPJIT_OK;
}

}  // namespace mlpjit::c_api
