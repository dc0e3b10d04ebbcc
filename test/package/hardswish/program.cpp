// The op that docs/adding-an-op.md adds: a function of the user's, a member of F, an activation, an
// op of program text, and the same bits in every mode.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

int main() {
  const Tensor x =
      concat({tensor({-4.f, -3.f, -1.f, -0.f, 0.f, 1.f, 3.f, 7.f}), random::normal({1000})});
  const Tensor want = x * clip(x + 3, 0, 6) / 6;
  const Executable program = compile(Graph::parse(
      "func @main(%x: f32[1008]) -> (f32[1008]) {\n  %y = hardswish %x\n  return %y\n}\n"));
  bool same = identical(hardswish(x), want) && identical(program(x)[0], want) &&
              identical(nn::Activation("hardswish")(x), want);
  for (Backend backend : {Backend::graph, Backend::native}) {
    auto layer = jit([](const Tensor& t) { return Ops().hardswish(t); }, {.backend = backend});
    same = same && identical(layer(x), want);
  }
  std::cout << (same ? "hardswish: the same bits in every mode\n" : "hardswish: bits differ\n");
  return same ? 0 : 1;
}
