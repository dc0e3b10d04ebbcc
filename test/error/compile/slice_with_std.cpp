// expect: ambiguous
#include <valarray>

#include <mlpjit/mlpjit.h>

using namespace std;
using namespace mlpjit;

int main() {
  Tensor a = 1, b = 2;
  a = slice(a, 0, 0, 1);
}
