// Runs the network that export_model.cpp wrote, with nothing but its two files: imperatively, as a
// graph and compiled, the bits are those of the program that exported it.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

int main() {
  auto net = nn::SymbolBlock::imports("my_mlp-symbol.json", "my_mlp-0000.params");
  TensorMap check = load_safetensors("my_mlp-check.safetensors");
  const Tensor &x = check.at("x"), &expected = check.at("y");

  const auto report = [&](const char* how) {
    std::cout << how << (identical(net(x), expected) ? "the same bits" : "other bits") << "\n";
  };
  std::cout << net(x) << "\n";
  report("imperatively: ");
  net.hybridize({.backend = Backend::graph});
  report("as a graph:   ");
  net.hybridize();
  report("compiled:     ");
  std::cout << "for another batch: " << net(ones({1, 4})) << "\n";
}
