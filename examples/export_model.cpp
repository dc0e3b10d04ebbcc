// Writes a network as two files: its program as JSON, its parameters in the safetensors layout.
// import_model.cpp runs them without any of the code below.
#include <mlpjit/mlpjit.h>

#include <fstream>
#include <iostream>
#include <string>

using namespace mlpjit;

struct Classifier : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(8, {.activation = "tanh"}));
  nn::Dense output = child("output", nn::Dense(3));
  Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
    return F.softmax(output(hidden(x)));
  }
};

int main() {
  Classifier net;
  net.initialize();
  Tensor x = random::normal({2, 4});
  Tensor y = net(x);
  net.export_model("my_mlp");
  save_safetensors("my_mlp-check.safetensors", {{"x", x}, {"y", y}});

  std::ifstream symbol("my_mlp-symbol.json");
  std::cout << "my_mlp-symbol.json:\n" << symbol.rdbuf();
  std::cout << "my_mlp-0000.params:\n";
  for (const auto& [name, tensor] : load_safetensors("my_mlp-0000.params"))
    std::cout << "  " << name << " " << TensorSpec{tensor.dtype(), tensor.shape()} << "\n";
}
