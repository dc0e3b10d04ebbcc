// expect: mlpjit: the body of a scan takes the carry and an entry
#include <mlpjit/mlpjit.h>

int main() {
  const mlpjit::Tensor x = mlpjit::ones({2});
  mlpjit::scan([](mlpjit::Tensor carry) { return carry; }, x, x);
}
