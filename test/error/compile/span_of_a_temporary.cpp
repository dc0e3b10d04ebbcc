// expect: deleted function
// expect: keep it in a variable
#include <mlpjit/mlpjit.h>

int main() {
  const std::span<const float> elements = mlpjit::ones({2}).data<float>();
}
