#include "mlpjit/version.h"

namespace mlpjit {

std::string_view version() {
  return MLPJIT_VERSION;
}

}  // namespace mlpjit
