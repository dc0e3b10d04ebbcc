// Apart from the tests because the compiler's namespace jit and the user's function jit do not meet
// in one file.
#include "lib/runtime/loader.h"

namespace mlpjit::test {
bool built_with_llvm();
bool built_with_llvm() {
  return runtime::built_with_llvm();
}
}  // namespace mlpjit::test
