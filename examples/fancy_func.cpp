// One function four ways: run imperatively, traced into a program, compiled from that program's
// text, and, when all is known, folded away.
#include <mlpjit/mlpjit.h>

#include <iostream>
#include <string>

using namespace mlpjit;

Tensor add(Tensor a, Tensor b) {
  return a + b;
}

Tensor fancy_func(Tensor a, Tensor b, Tensor c, Tensor d) {
  Tensor e = add(a, b);
  Tensor f = add(c, d);
  Tensor g = add(e, f);
  return g;
}

int main() {
  std::cout << "imperative: " << fancy_func(1, 2, 3, 4) << "\n\n";

  Graph traced = trace(fancy_func, f32({}), f32({}), f32({}), f32({}));
  std::string program = traced.to_text();
  std::cout << "symbolic, traced from the C++:\n" << program << "\n";
  Executable y = compile(Graph::parse(program));
  std::cout << "compiled from that text: " << y(1, 2, 3, 4)[0] << "\n\n";

  auto fast = jit(fancy_func);
  std::cout << "hybrid: " << fast(1, 2, 3, 4) << "\n\n";

  Graph known = trace([] { return fancy_func(1, 2, 3, 4); });
  std::cout << "with all inputs known:\n" << optimize(known).to_text();
}
