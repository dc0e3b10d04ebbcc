// A multi-layer perceptron with dropout as a hybrid block: handwritten digits, with weights trained
// by data/train.py. Dropout works while training only, and draws the same numbers in every mode.
#include <mlpjit/mlpjit.h>

#include <iostream>

#include "data.h"

using namespace mlpjit;

struct Mlp : nn::HybridBlock {
  nn::Dense hidden1 = child("hidden1", nn::Dense(128, {.activation = "relu"}));
  nn::Dropout dropout1 = child("dropout1", nn::Dropout(0.2));
  nn::Dense hidden2 = child("hidden2", nn::Dense(64, {.activation = "relu"}));
  nn::Dropout dropout2 = child("dropout2", nn::Dropout(0.2));
  nn::Dense output = child("output", nn::Dense(10));

  Tensor hybrid_forward(const Ops&, const Tensor& pixels) override {
    Tensor x = dropout1(hidden1(pixels / 16));
    x = dropout2(hidden2(x));
    return output(x);
  }
};

int main(int argc, char** argv) try {
  const std::string folder = data_folder(argc, argv) + "/digits/";
  const Digits digits = read_digits(folder);

  Mlp net;
  net.load_parameters(folder + "mlp-dropout.safetensors");
  const auto classify = [&] { return net(digits.pixels); };
  const auto with_dropout = [&] {
    random::seed(1);
    const TrainingScope training;
    return classify();
  };
  time_calls("360 images, 100 times, imperatively", 100, classify);
  Tensor imperative = classify(), imperative_training = with_dropout();
  net.hybridize();
  time_calls("360 images, 100 times, compiled", 100, classify);
  Tensor compiled = classify(), compiled_training = with_dropout();

  const auto accuracy = [&](const Tensor& logits) {
    return sum(argmax(logits, 1) == digits.labels);
  };
  std::cout << "accuracy: " << accuracy(compiled) << " of " << digits.labels.size() << "\n";
  std::cout << "with units dropped, as in training: " << accuracy(compiled_training) << "\n";
  const bool same =
      identical(imperative, compiled) && identical(imperative_training, compiled_training);
  std::cout << "the same bits, dropout included: " << (same ? "yes" : "no") << "\n";
  return same ? 0 : 1;
} catch (const Error& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
