#pragma once
// In which order a dense layer of floats sums: of its outputs n and its depth k alone, never of the
// batch, the dtype or the machine. Normative text: docs/numerics.md.

#include <cstdint>

namespace mlpjit::ir {

struct DenseForm {
  bool lanes = false;  // 16 lanes over k, then the bias
  int chains = 1;      // else: element k goes to chain k mod chains, chain 0 starts at the bias;
                       // 1, 2 or 4
};

constexpr DenseForm dense_form(std::int64_t n, std::int64_t k) {
  if (n <= 16 && k >= 12 * n) return {true, 1};
  int chains = n <= 16 ? 4 : n <= 64 ? 2 : 1;
  while (chains > 1 && k < 8 * chains) chains /= 2;
  return {false, chains};
}

}  // namespace mlpjit::ir
