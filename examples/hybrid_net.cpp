// A block of your own, and what tracing does to its prints: numbers when it runs imperatively,
// symbols while it is traced, nothing afterwards, because its C++ is not run any more.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

struct HybridNet : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(4));
  nn::Dense output = child("output", nn::Dense(2));

  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    std::cout << "module F: " << F << "\n";
    std::cout << "value  x: " << input << "\n";
    Tensor x = F.relu(hidden(input));
    std::cout << "result  : " << x << "\n";
    return output(x);
  }
};

int main() {
  HybridNet net;
  net.initialize();
  Tensor x = random::normal({1, 3});

  std::cout << "-- imperative\n";
  Tensor imperative = net(x);
  net.hybridize();
  std::cout << "-- hybridized, first call\n";
  Tensor traced = net(x);
  std::cout << "-- hybridized, second call\n";
  Tensor compiled = net(x);

  std::cout << "-- results\n" << imperative << "\n" << traced << "\n" << compiled << "\n";
  return identical(imperative, traced) && identical(imperative, compiled) ? 0 : 1;
}
