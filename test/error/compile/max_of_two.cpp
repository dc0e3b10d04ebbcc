// expect: use maximum(a, b)
#include <mlpjit/mlpjit.h>

int main() {
  mlpjit::Tensor a = 1, b = 2;
  a = max(a, b);
}
