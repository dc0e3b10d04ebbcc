#include "lib/plan/target.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

constexpr std::string_view kX86 = "x86_64-unknown-linux-gnu";
constexpr std::string_view kArm = "aarch64-unknown-linux-gnu";
#if defined(__aarch64__)
constexpr std::string_view kHere = kArm;
#else
constexpr std::string_view kHere = kX86;
#endif

constexpr std::array kTargets = {
    Target{.name = "baseline", .triple = kX86, .cpu = "x86-64", .streams = true},
    Target{.name = "avx2",
           .isa = support::Isa::avx2,
           .triple = kX86,
           .cpu = "x86-64-v3",
           .vector_bytes = 32,
           .fma = true,
           .rounding = true,
           .streams = true,
           .permutes = Permutes::f32},
    Target{.name = "avx512",
           .isa = support::Isa::avx512,
           .triple = kX86,
           .cpu = "x86-64-v4",
           .vector_bytes = 64,
           .vector_registers = 32,
           .fma = true,
           .rounding = true,
           .masks = true,
           .streams = true,
           .permutes = Permutes::two_registers,
           .cycles = Cycles::avx512},
    // Described, not generated for: the cycles of its ops are not measured.
    Target{.name = "neon",
           .triple = kArm,
           .cpu = "generic",
           .vector_registers = 32,
           .fma = true,
           .rounding = true},
};

}  // namespace

std::span<const Target> all_targets() {
  return kTargets;
}

const Target* find_target(std::string_view name) {
  const auto* const found = std::find_if(kTargets.begin(), kTargets.end(),
                                         [&](const Target& target) { return target.name == name; });
  return found == kTargets.end() ? nullptr : found;
}

Target make_target(support::Isa isa) {
  for (const Target& target : kTargets) {
    if (target.isa == isa && target.triple == kHere) return target;
  }
  throw InternalError("make_target: unknown instruction set");
}

bool runs_here(const Target& target) {
  return target.triple == kHere && target.isa <= support::detect_isa();
}

std::string to_string(const Target& target) {
  return fmt::format("{} ({}, {}, vectors of {} bytes, {} registers{}{})", target.name, target.cpu,
                     target.triple, target.vector_bytes, target.vector_registers,
                     target.fma ? ", fma" : "", target.masks ? ", masks" : "");
}

}  // namespace mlpjit::plan
