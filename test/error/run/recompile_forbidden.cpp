// expect: argument 0: expected f32[1, 4], got f32[2, 4]
// expect: on_recompile is error
#include <iostream>

#include <mlpjit/mlpjit.h>

using namespace mlpjit;

int main() {
  const auto f = jit([](Tensor x) { return x + 1; },
                     {.backend = Backend::graph, .on_recompile = OnRecompile::error});
  try {
    f(ones({1, 4}));
    f(ones({2, 4}));
  } catch (const UserError& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
