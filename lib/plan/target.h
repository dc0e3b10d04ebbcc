#pragma once
// Targets, the machines that code is generated for: named, as data, never "the host". Cache sizes
// are fixed per target, so that a plan does not depend on the machine that plans.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/support/isa.h"

namespace mlpjit::plan {

// From how large a table, held in registers, one step takes a vector of elements.
enum class Permutes : std::uint8_t {
  none,
  f32,            // one register, of f32 only
  two_registers,  // two, of any float dtype
};

// A column of measured cycles (lib/plan/op_cycles.h).
enum class Cycles : std::uint8_t { avx2, avx512 };

// Its names are of static lifetime.
struct Target {
  std::string_view name = "baseline";
  support::Isa isa = support::Isa::baseline;  // kernels of the interpreter that library steps run
  std::string_view triple;                    // "x86_64-unknown-linux-gnu"
  std::string_view cpu;                       // LLVM's name: "x86-64-v3"
  int vector_bytes = 16;                      // 16, 32 or 64
  int vector_registers = 16;
  bool fma = false;       // a multiply-add of one rounding
  bool rounding = false;  // trunc, floor and kin as instructions
  bool masks = false;     // loads, stores and selects of some lanes at no cost
  bool streams = false;   // stores past the caches
  Permutes permutes = Permutes::none;
  Cycles cycles = Cycles::avx2;
  std::size_t l1_bytes = 32 << 10;
  std::size_t l2_bytes = 1 << 20;

  // More than this comes from memory, or goes there.
  std::size_t cached_bytes() const { return 16 * l2_bytes; }
  int lanes(std::size_t element_bytes) const {
    return vector_bytes / static_cast<int>(element_bytes);
  }
  friend bool operator==(const Target&, const Target&) = default;
};

// All of them. Some are described though there is no code generator for them yet.
std::span<const Target> all_targets();
// Null where there is none of that name.
const Target* find_target(std::string_view name);
// The target of an instruction set of this architecture.
Target make_target(support::Isa isa);
// Whether this machine runs its code.
bool runs_here(const Target& target);
std::string to_string(const Target& target);

}  // namespace mlpjit::plan
