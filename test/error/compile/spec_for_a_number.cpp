// expect: error
#include <mlpjit/mlpjit.h>

int main() {
  mlpjit::trace([](mlpjit::Tensor x) { return x; }, 3);
}
