// expect: ambiguous
#include <stack>

#include <mlpjit/mlpjit.h>

using namespace std;
using namespace mlpjit;

int main() {
  Tensor a = 1, b = 2;
  a = stack({a, b});
}
