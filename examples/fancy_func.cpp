// One function four ways: run imperatively, traced into a program, compiled, and, when all is
// known, folded away. Then a program written as text, whose functions call each other and print.
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

const std::string kProgram = R"(func @add(%a: i64[], %b: i64[]) {
  %c = add %a, %b
  return %c
}
func @fancy_func(%a: i64[], %b: i64[], %c: i64[], %d: i64[]) {
  %e = call @add(%a, %b)
  %f = call @add(%c, %d)
  %g = call @add(%e, %f)
  return %g
}
func @main() {
  %1 = constant i64[] 1
  %2 = constant i64[] 2
  %3 = constant i64[] 3
  %4 = constant i64[] 4
  %sum = call @fancy_func(%1, %2, %3, %4)
  print "" %sum
  return
}
)";

int main() {
  std::cout << "imperative: " << fancy_func(1, 2, 3, 4) << "\n\n";

  Graph traced = trace(fancy_func, f32({}), f32({}), f32({}), f32({}));
  std::cout << "symbolic, traced from the C++:\n" << traced.to_text() << "\n";
  Executable y = compile(Graph::parse(traced.to_text()));
  std::cout << "compiled from that text: " << y(1, 2, 3, 4)[0] << "\n\n";

  auto fast = jit(fancy_func);
  std::cout << "hybrid: " << fast(1, 2, 3, 4) << "\n\n";

  Graph program = Graph::parse(kProgram);
  std::cout << "a program as text:\n" << kProgram << "\nit prints: " << std::flush;
  compile(program)();
  Graph folded = optimize(program);
  std::cout << "\noptimised, it is a print of 10:\n"
            << folded.to_text() << "\nit prints: " << std::flush;
  compile(folded)();
}
