// C++ `if` and `for` in hybrid_forward: what they decide by shapes and configuration is decided
// while tracing. The program has no branch and no loop left.
#include <mlpjit/mlpjit.h>

#include <iostream>
#include <string>
#include <vector>

using namespace mlpjit;

struct Tower : nn::HybridBlock {
  Tower(int depth, bool residual) : residual_(residual) {
    for (int i = 0; i < depth; ++i)
      layers_.push_back(child("layer" + std::to_string(i), nn::Dense(3, {.activation = "tanh"})));
  }

  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    Tensor x = input;
    if (x.rank() == 1) x = F.expand_dims(x, 0);  // one row without a batch
    for (nn::Dense& layer : layers_) {
      Tensor y = layer(x);
      if (residual_ && y.shape() == x.shape()) y += x;
      x = y;
    }
    return x;
  }

 private:
  bool residual_;
  std::vector<nn::Dense> layers_;
};

int main() {
  Tower tower(2, true);
  tower.initialize();
  Tensor row = tensor({0.5f, -1.f, 2.f}), rows = tensor({{0.5f, -1.f, 2.f}, {1.f, 1.f, 1.f}});
  Tensor one = tower(row), two = tower(rows);

  const auto forward = [&](const Tensor& x) { return tower(x); };
  std::cout << "traced for one row:\n" << trace(forward, f32({3})) << "\n";
  std::cout << "traced for a batch of two:\n" << trace(forward, f32({2, 3})) << "\n";

  tower.hybridize();
  std::cout << "the same bits: "
            << (identical(one, tower(row)) && identical(two, tower(rows)) ? "yes" : "no") << "\n";
  std::cout << "programs: " << tower.explain().compiles << "\n";
}
