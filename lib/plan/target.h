#pragma once
// What code is generated for: named CPU features and sizes as data, never "the host".

#include <cstddef>
#include <string>

#include "lib/support/isa.h"

namespace mlpjit::plan {

struct Target {
  support::Isa isa = support::Isa::baseline;
  std::string triple;     // "x86_64-unknown-linux-gnu"
  std::string cpu;        // LLVM's name: "x86-64", "x86-64-v3", "x86-64-v4"
  int vector_bytes = 16;  // 16, 32 or 64
  int vector_registers = 16;
  bool fma = false;
  bool masks = false;  // AVX-512 predication
  std::size_t l1_bytes = 32 << 10;
  std::size_t l2_bytes = 1 << 20;

  int lanes(std::size_t element_bytes) const {
    return vector_bytes / static_cast<int>(element_bytes);
  }
  friend bool operator==(const Target&, const Target&) = default;
};

// The target of an instruction set; cache sizes are fixed per set, so that a plan does not depend
// on the machine.
Target make_target(support::Isa isa);
std::string to_string(const Target& target);

}  // namespace mlpjit::plan
