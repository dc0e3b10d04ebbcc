// Blocks that cannot be hybridized: refused inside a hybrid one, run imperatively inside a plain
// Sequential, whose hybrid children are compiled.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

// Counts what it saw, in a C++ variable: not a thing that can be traced.
struct Meter : nn::Block {
  int rows = 0;
  Tensor forward(const Tensor& input) override {
    rows += static_cast<int>(input.shape()[0]);
    std::cout << "meter: " << rows << " rows, mean " << mean(input) << "\n";
    return input;
  }
};

int main() {
  nn::HybridSequential hybrid;
  try {
    hybrid.add(nn::Dense(4), Meter());
  } catch (const UserError& error) {
    std::cout << error.what() << "\n\n";
  }

  nn::Sequential net;
  net.add(nn::Dense(4, {.activation = "relu"}), Meter(), nn::Dense(2));
  net.initialize();
  Tensor x = ones({3, 5});
  Tensor before = net(x);
  net.hybridize();
  net(x);
  Tensor after = net(x);
  std::cout << "the same bits: " << (identical(before, after) ? "yes" : "no") << "\n";
  std::cout << "programs of the first Dense: "
            << dynamic_cast<nn::Dense&>(net[0]).explain().compiles << "\n";
}
