// Softmax regression, the linear classifier of a first chapter, as a hybrid block: handwritten
// digits, with weights trained by data/train.py.
#include <mlpjit/mlpjit.h>

#include <iostream>

#include "data.h"

using namespace mlpjit;

struct SoftmaxRegression : nn::HybridBlock {
  nn::Dense output = child("output", nn::Dense(10));

  Tensor hybrid_forward(const Ops& F, const Tensor& pixels) override {
    return F.softmax(output(pixels / 16));
  }
};

int main(int argc, char** argv) try {
  const std::string folder = data_folder(argc, argv) + "/digits/";
  const auto [labels, pixels] = read_digits(folder);

  SoftmaxRegression net;
  net.load_parameters(folder + "softmax-regression.safetensors");
  Tensor one = pixels.slice(0, 0, 1);
  const auto classify_one = [&] { return net(one); };
  time_calls("one image, 10000 times, imperatively", 10000, classify_one);
  Tensor imperative = net(pixels);
  net.hybridize();
  time_calls("one image, 10000 times, compiled", 10000, classify_one);
  Tensor compiled = net(pixels);

  Tensor right = argmax(compiled, 1) == labels;
  std::cout << "accuracy: " << sum(right) << " of " << right.size() << "\n";
  std::cout << "the first image is a " << labels.slice(0, 0, 1) << " with probability "
            << max(compiled.slice(0, 0, 1)) << "\n";
  const bool same = identical(imperative, compiled);
  std::cout << "the same bits: " << (same ? "yes" : "no") << "\n";
  return same ? 0 : 1;
} catch (const Error& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
