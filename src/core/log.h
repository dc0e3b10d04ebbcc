#pragma once
// Warnings of the library.

#include <string>

namespace mlpjit::detail {

/// On standard error, so that it does not mix with what the program prints; a program sends it
/// elsewhere by registering an spdlog logger named "mlpjit".
void warn(const std::string& message);

}  // namespace mlpjit::detail
