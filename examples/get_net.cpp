// A network written imperatively, timed as it is, then hybridized: the same bits, faster.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

nn::HybridSequential get_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(256, {.activation = "relu"}), nn::Dense(128, {.activation = "relu"}),
          nn::Dense(2));
  net.initialize();
  return net;
}

int main() {
  Tensor x = random::normal({1, 512});
  auto net = get_net();
  Tensor before = net(x);
  std::cout << "imperative: " << before << "\n" << net.summary() << "\n";

  {
    Benchmark b("Without hybridization");
    for (int i = 0; i < 1000; ++i) net(x);
  }
  net.hybridize();
  Tensor after = net(x);  // traces and compiles
  {
    Benchmark b("With hybridization");
    for (int i = 0; i < 1000; ++i) net(x);
  }
  net.hybridize({.backend = Backend::graph});
  Tensor graph = net(x);
  {
    Benchmark b("As a graph, without machine code");
    for (int i = 0; i < 1000; ++i) net(x);
  }
  const bool same = identical(before, after) && identical(before, graph);
  std::cout << "the same bits in all three: " << (same ? "yes" : "no") << "\n";
  return same ? 0 : 1;
}
