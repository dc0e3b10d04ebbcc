// expect: onver
#include <mlpjit/mlpjit.h>

int main() {
  mlpjit::Tensor a = "relu";
}
