// expect: use minimum(a, b)
#include <algorithm>

#include <mlpjit/mlpjit.h>

using namespace std;
using namespace mlpjit;

int main() {
  Tensor a = 1, b = 2;
  a = min(a, b);
}
