#pragma once
// Warnings of the library.

#include <string>

namespace mlpjit::detail {

/// Through the spdlog logger named "mlpjit" or the default logger, where the program has set one;
/// else on standard error, so that it does not mix with what the program prints.
void warn(const std::string& message);

}  // namespace mlpjit::detail
