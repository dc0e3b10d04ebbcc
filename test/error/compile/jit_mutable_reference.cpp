// expect: cannot take Tensor&
#include <mlpjit/mlpjit.h>

int main() {
  auto fast = mlpjit::jit([](mlpjit::Tensor& x) { x = x + 1; });
}
