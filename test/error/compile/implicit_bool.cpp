// expect: conver
#include <mlpjit/mlpjit.h>

int main() {
  mlpjit::Tensor a = 1;
  bool b = a;
  return b;
}
