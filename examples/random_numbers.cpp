// Random numbers in compiled code: the stream of the imperative run, draw for draw. Training and
// inference are two programs.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

struct Noisy : nn::HybridBlock {
  nn::Dense dense = child("dense", nn::Dense(4));
  nn::Dropout dropout = child("dropout", nn::Dropout(0.5));
  Tensor hybrid_forward(const Ops&, const Tensor& input) override {
    Tensor noise = random::normal(input.shape(), 0, 0.1);
    return dropout(dense(input + noise));
  }
};

int main() {
  Noisy net;
  net.initialize();
  Tensor x = ones({1, 3});

  const auto three_calls = [&] {
    random::seed(3);
    const TrainingScope training;
    Tensors results;
    for (int i = 0; i < 3; ++i) results.push_back(net(x));
    return concat(results);
  };
  Tensor imperative = three_calls();
  net.hybridize();
  Tensor compiled = three_calls();
  std::cout << "three calls while training:\n" << compiled << "\n";
  std::cout << "the same bits imperatively: " << (identical(imperative, compiled) ? "yes" : "no")
            << "\n";
  std::cout << "draws so far: " << random::state().draw << "\n\n";

  random::seed(3);
  std::cout << "inference, dropout gives its input: " << net(x) << "\n";
  std::cout << "programs: " << net.explain().compiles << "; the last call missed because of "
            << net.explain().last_miss << "\n";
}
