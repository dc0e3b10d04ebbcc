#include "lib/plan/target.h"

#include <fmt/format.h>

#include "mlpjit/error.h"

namespace mlpjit::plan {

Target make_target(support::Isa isa) {
  Target target;
  target.isa = isa;
  target.triple = "x86_64-unknown-linux-gnu";
  switch (isa) {
    case support::Isa::baseline: target.cpu = "x86-64"; return target;
    case support::Isa::avx2:
      target.cpu = "x86-64-v3";
      target.vector_bytes = 32;
      target.fma = true;
      return target;
    case support::Isa::avx512:
      target.cpu = "x86-64-v4";
      target.vector_bytes = 64;
      target.vector_registers = 32;
      target.fma = true;
      target.masks = true;
      return target;
  }
  throw InternalError("make_target: unknown instruction set");
}

std::string to_string(const Target& target) {
  return fmt::format("{} ({}, vectors of {} bytes, {} registers{}{})", target.cpu, target.triple,
                     target.vector_bytes, target.vector_registers, target.fma ? ", fma" : "",
                     target.masks ? ", masks" : "");
}

}  // namespace mlpjit::plan
