// expect: conver
#include <mlpjit/mlpjit.h>

float f(const mlpjit::Tensor& x) {
  return x;
}

int main() {
  return f(1) > 0;
}
