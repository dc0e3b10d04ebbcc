// expect: item: the value of %0 = relu (f32[2]) is not known while tracing
// expect: where(condition, a, b)
#include <iostream>

#include <mlpjit/mlpjit.h>

using namespace mlpjit;

int main() {
  const auto f = jit([](Tensor x) { return x * relu(x).item<float>(); });
  try {
    f(tensor({1.f, 2.f}));
  } catch (const TraceError& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
