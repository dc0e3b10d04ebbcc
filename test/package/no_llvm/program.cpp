#include <mlpjit/mlpjit.h>

#include <iostream>
#include <string>

using namespace mlpjit;

int main() {
  nn::HybridSequential net;
  net.add(nn::Dense(8, {.activation = "tanh"}), nn::Dense(2));
  net.initialize();
  const Tensor x = random::normal({3, 5});
  const Tensor before = net(x);
  net.hybridize({.backend = Backend::graph});
  if (!identical(before, net(x))) {
    std::cerr << "the graph backend gives other bits\n";
    return 1;
  }
  net.hybridize();
  try {
    net(x);
  } catch (const UnsupportedError& error) {
    const std::string text = error.what();
    if (text.find("LLVM") != std::string::npos && text.find("Backend::graph") != std::string::npos)
      return 0;
    std::cerr << "the message does not name LLVM and the way out: " << text << "\n";
    return 1;
  }
  std::cerr << "a build without LLVM compiled\n";
  return 1;
}
