#pragma once
/// @file
/// Versions.

#include <string_view>

#include "mlpjit/export.h"

namespace mlpjit {

/// The version of the numerics contract (docs/numerics.md): results change on the bits only with
/// it.
inline constexpr int kNumericsVersion = 2;

/// The version of the library, "major.minor.patch".
MLPJIT_API std::string_view version();

}  // namespace mlpjit
