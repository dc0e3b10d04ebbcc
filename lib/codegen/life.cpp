#include "lib/codegen/life.h"

#include "mlpjit/error.h"

namespace mlpjit::codegen {

Life::Use Life::use_or_refuse() {
  Use held = use();
  if (!held.owns_lock()) {
    throw UnsupportedError(
        "Backend::native: the process is ending, and with it the compiler that is linked into this "
        "program; use Backend::graph, or link with libmlpjit-codegen, which compiles to the very "
        "end");
  }
  return held;
}

}  // namespace mlpjit::codegen
