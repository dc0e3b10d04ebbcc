// expect: takes Tensors only
// expect: jit([k](Tensor x) { return f(x, k); })
#include <mlpjit/mlpjit.h>

mlpjit::Tensor power(mlpjit::Tensor x, int n) {
  return n == 0 ? x : power(x * x, n - 1);
}

int main() {
  auto fast = mlpjit::jit(power);
}
