// expect: error
#include <mlpjit/mlpjit.h>

int main() {
  mlpjit::Tensor a = 1, b = 2;
  a + b = a;
}
