#include <mlpjit/mlpjit.h>

#include <iostream>

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

int main(int argc, char** argv) {
  std::cout << fancy_func(1, 2, 3, 4) << "\n";

  Graph graph = trace(fancy_func, f32({}), f32({}), f32({}), f32({}));
  Executable program = compile(Graph::parse(graph.to_text()));
  std::cout << program(1, 2, 3, 4)[0].item<int>() << "\n";

  auto fast = jit(fancy_func);
  std::cout << fast(1, 2, 3, 4) << "\n";

  nn::HybridSequential net;
  net.add(nn::Dense(256, {.activation = "relu"}), nn::Dense(128, {.activation = "relu"}),
          nn::Dense(2));
  net.initialize();
  Tensor x = random::normal({1, 512});
  Tensor before = net(x);
  net.hybridize();
  Tensor after = net(x);
  std::cout << (identical(before, after) ? "identical" : "different") << "\n";

  if (argc != 3) return 0;
  nn::SymbolBlock trained = nn::SymbolBlock::imports(argv[1]);  // an ONNX model
  trained.save(argv[2]);
  nn::SymbolBlock saved = nn::SymbolBlock::load(argv[2]);
  saved.hybridize();
  Tensor row = random::normal({1, 64});
  std::cout << (identical(trained(row), saved(row)) ? "identical" : "different") << "\n";
}
