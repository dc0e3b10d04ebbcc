#include <mlpjit/mlpjit.h>

using namespace mlpjit;

Tensor f(Tensor x, const Tensor& y) { return maximum(x, y) + 1; }

int main() {
  const auto fast = jit(f, {.backend = Backend::graph});
  const int k = static_cast<int>(zeros({3}).size());
  const auto bound = jit([k](Tensor x) { return x * k; });
  Tensor a = tensor({1.f, 2.f});
  a = fast(a, bound(a));
  const bool yes = static_cast<bool>(sum(a) > 0);
  const float value = static_cast<float>(sum(a));
  return yes && value > 0 ? 0 : 1;
}
