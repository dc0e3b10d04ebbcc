// expect: ambiguous
#include <functional>

#include <mlpjit/mlpjit.h>

using namespace std;
using namespace mlpjit;

int main() {
  Tensor a = 1, b = 2;
  a = logical_and(a, b);
}
