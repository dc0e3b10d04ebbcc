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

// A print that is part of the program: it prints numbers at every call, in every mode.
struct PrintingNet : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(4, {.activation = "relu"}));

  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    Tensor x = hidden(input);
    F.print("hidden units that fire: ", F.sum(x > 0));
    if (is_tracing()) std::cout << "(traced here)\n";
    return x;
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

  PrintingNet printing;
  printing.initialize();
  std::cout << "-- a print op, imperatively\n";
  printing(x);
  printing.hybridize();
  std::cout << "-- hybridized, three calls\n";
  for (int i = 0; i < 3; ++i) printing(x);
  return identical(imperative, traced) && identical(imperative, compiled) ? 0 : 1;
}
