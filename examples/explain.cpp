// explain(): what became of a network, for people, and as data.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

int main() {
  nn::HybridSequential net;
  net.add(nn::Dense(256, {.activation = "relu"}), nn::Dense(128, {.activation = "relu"}),
          nn::Dense(2));
  net.initialize();
  net.hybridize();
  Tensor x = random::normal({1, 512});
  for (int i = 0; i < 3; ++i) net(x);
  std::cout << net.explain() << "\n";

  const Explanation explanation = net.explain();
  const SignatureSummary& signature = explanation.signatures.at(0);
  std::cout << "hits " << explanation.hits << ", compiles " << explanation.compiles << "\n";
  for (const KernelSummary& kernel : signature.kernels)
    std::cout << kernel.name << ": " << kernel.kind << "\n";
  std::cout << "compiled in " << signature.ms.total << " ms\n";
}
