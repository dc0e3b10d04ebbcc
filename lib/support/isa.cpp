#include "lib/support/isa.h"

#include <cstdlib>
#include <string>

#include "mlpjit/error.h"

namespace mlpjit::support {

namespace {

Isa read_cpu() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // Generated code is for x86-64-v3 and v4 (lib/plan/target.cpp), so every feature of theirs must
  // be there; Highway's AVX2 target lets the compiler use aes and pclmul beside.
  const bool avx2 = __builtin_cpu_supports("x86-64-v3") && __builtin_cpu_supports("aes") &&
                    __builtin_cpu_supports("pclmul");
  if (!avx2) return Isa::baseline;
  return __builtin_cpu_supports("x86-64-v4") ? Isa::avx512 : Isa::avx2;
#else
  return Isa::baseline;
#endif
}

Isa read_default() {
  const Isa widest = detect_isa();
  const char* cap = std::getenv("MLPJIT_MAX_ISA");
  if (cap == nullptr || *cap == '\0') return widest;
  const std::optional<Isa> isa = isa_from_name(cap);
  if (!isa) {
    throw UserError(std::string("MLPJIT_MAX_ISA is \"") + cap +
                    "\": expected baseline, avx2 or avx512");
  }
  return *isa < widest ? *isa : widest;
}

}  // namespace

Isa detect_isa() {
  static const Isa isa = read_cpu();
  return isa;
}

Isa default_isa() {
  static const Isa isa = read_default();
  return isa;
}

std::optional<Isa> isa_from_name(std::string_view name) {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (name == to_string(isa)) return isa;
  }
  return std::nullopt;
}

}  // namespace mlpjit::support

namespace mlpjit {

Isa current_isa() {
  return support::default_isa();
}

}  // namespace mlpjit
