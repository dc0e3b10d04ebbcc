// expect: mlpjit: an axis is an integer; keepdims comes after the axis
#include <mlpjit/mlpjit.h>

int main() {
  const mlpjit::Tensor x = sum(mlpjit::ones({2}), true);
}
