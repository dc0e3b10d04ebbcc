// expect: onver
#include <mlpjit/mlpjit.h>

int main() {
  const float values[2] = {1, 2};
  mlpjit::Tensor a = values;
}
