// Softmax regression, the linear classifier of a first chapter, as a hybrid block: handwritten
// digits, with weights trained by data/train.py.
#include <mlpjit/mlpjit.h>

#include <iostream>

#include "read_csv.h"

using namespace mlpjit;

struct SoftmaxRegression : nn::HybridBlock {
  nn::Dense output = child("output", nn::Dense(10));

  Tensor hybrid_forward(const Ops& F, const Tensor& pixels) override {
    return F.softmax(output(pixels / 16));
  }
};

int main(int argc, char** argv) try {
  const std::string folder = data_folder(argc, argv) + "/digits/";
  Tensor rows = read_csv(folder + "test.csv");  // a label, then 64 pixels from 0 to 16
  Tensor labels = cast(squeeze(rows.slice(1, 0, 1), 1), DType::i64);
  Tensor pixels = rows.slice(1, 1, 65);

  SoftmaxRegression net;
  net.load_parameters(folder + "softmax-regression.safetensors");
  Tensor one = pixels.slice(0, 0, 1);
  const auto run = [&](const char* how) {
    net(one);  // traces and compiles, where it is hybridized
    {
      Benchmark b(how);
      for (int i = 0; i < 10000; ++i) net(one);
    }
    return net(pixels);
  };
  Tensor imperative = run("one image, 10000 times, imperatively");
  net.hybridize();
  Tensor compiled = run("one image, 10000 times, compiled");

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
