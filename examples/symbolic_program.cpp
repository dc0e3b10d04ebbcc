// A program written as text: its functions call each other and print. Compiled, it prints; the
// optimiser leaves of it what has an effect.
#include <mlpjit/mlpjit.h>

#include <iostream>
#include <string>

using namespace mlpjit;

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
  Graph program = Graph::parse(kProgram);
  std::cout << "a program as text:\n" << kProgram << "\nit prints: " << std::flush;
  compile(program)();
  Graph folded = optimize(program);
  std::cout << "\noptimised, it is a print of 10:\n"
            << folded.to_text() << "\nit prints: " << std::flush;
  compile(folded)();

  std::cout << "\na mistake in a program: ";
  try {
    Graph::parse("func @main(%x: f32[3]) {\n  %y = relu %z\n  return %y\n}\n");
  } catch (const FormatError& error) {
    std::cout << error.what() << "\n";
  }
}
