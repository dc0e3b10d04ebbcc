// expect: returns a Tensor, Tensors, void, or a tuple, pair or array of Tensor
#include <mlpjit/mlpjit.h>

int main() {
  auto fast = mlpjit::jit([](mlpjit::Tensor x) { return std::pair(x, 1); });
  fast(1);
}
