#pragma once
/// @file
/// Instruction sets.

#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "mlpjit/export.h"

namespace mlpjit {

/// Instruction sets, narrowest first. `baseline` is plain x86-64 (SSE2); `avx2` means all of
/// x86-64-v3 (AVX2, FMA, BMI, MOVBE ...); `avx512` means x86-64-v4 (AVX-512 F, BW, CD, DQ, VL). The
/// environment variable MLPJIT_MAX_ISA caps what is used.
enum class Isa : std::uint8_t { baseline, avx2, avx512 };

/// "baseline", "avx2", "avx512".
constexpr std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "?";
}

/// The instruction set in use: the widest of this CPU, capped by MLPJIT_MAX_ISA.
MLPJIT_API Isa current_isa();

}  // namespace mlpjit
