// expect: mlpjit: a character is not a number
#include <mlpjit/mlpjit.h>

int main() {
  const mlpjit::Tensor x = mlpjit::ones({2}) + 'a';
}
