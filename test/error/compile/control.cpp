#include <functional>
#include <stack>
#include <valarray>

#include <mlpjit/mlpjit.h>

using namespace std;
using namespace mlpjit;

Tensor f(Tensor x, const Tensor& y) {
  return maximum(x, y) + 1;
}

int main() {
  const auto fast = jit(f, {.backend = Backend::graph});
  const int k = static_cast<int>(zeros({3}).size());
  const auto bound = jit([k](Tensor x) { return x * k; });
  Tensor a = tensor({1.f, 2.f});
  a = fast(a, bound(a));
  const bool yes = static_cast<bool>(sum(a) > 0);
  const float value = static_cast<float>(sum(a));
  // What the names that std has as classes are written as.
  a = (a > 0 && !(a > 1)) || a < 0;
  a = a.slice(0, 0, 1);
  a = mlpjit::stack({a, mlpjit::logical_not(a)});
  return yes && value > 0 ? 0 : 1;
}
