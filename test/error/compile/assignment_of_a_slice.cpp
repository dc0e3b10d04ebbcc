// expect: deleted

#include <mlpjit/mlpjit.h>

using namespace mlpjit;

int main() {
  Tensor a = zeros({4}), b = ones({4});
  a.slice(0, 0, 1) = b.slice(0, 0, 1);
}
