// A regression MLP whose inputs have very different ranges and are normalised inside the network:
// the impedance of a resistor, an inductor and a capacitor in series, with weights trained by
// data/train.py on other rows (data/README.md has the formula).
#include <mlpjit/mlpjit.h>

#include <iostream>

#include "data.h"

using namespace mlpjit;

// What the network was trained with: means and deviations of the training rows.
nn::HybridSequential get_net(const TensorMap& constants) {
  nn::HybridSequential net;
  net.add(nn::Normalize(constants.at("input_mean"), constants.at("input_std")),
          nn::Dense(64, {.activation = "relu"}), nn::Dense(64, {.activation = "relu"}),
          nn::Dense(1),
          nn::HybridLambda([mean = constants.at("target_mean"),
                            std = constants.at("target_std")](const Tensor& y) {
            return y * std + mean;  // back to ohm
          }));
  return net;
}

int main(int argc, char** argv) try {
  const std::string folder = data_folder(argc, argv) + "/impedance/";
  Tensor rows = read_csv(folder + "test.csv");  // impedance; ohm, hertz, henry, microfarad
  Tensor target = rows.slice(1, 0, 1), inputs = rows.slice(1, 1, 5);

  nn::HybridSequential net = get_net(load_safetensors(folder + "impedance.safetensors"));
  nn::LoadReport report = net.load_parameters(
      folder + "impedance.safetensors",
      {.rename = {{"hidden1.", "1."}, {"hidden2.", "2."}, {"output.", "3."}}, .strict = false});
  std::cout << report.loaded.size() << " parameters loaded, " << report.missing.size()
            << " missing\n";
  const auto predict = [&] { return net(inputs); };
  time_calls("500 rows, 100 times, imperatively", 100, predict);
  Tensor imperative = predict();
  net.hybridize();
  time_calls("500 rows, 100 times, compiled", 100, predict);
  Tensor compiled = predict();

  std::cout << "mean error: " << mean(abs(compiled - target))
            << " ohm; always saying the mean: " << mean(abs(mean(target) - target)) << " ohm\n";
  std::cout << "the first rows, predicted and true:\n"
            << concat({compiled.slice(0, 0, 3), target.slice(0, 0, 3)}, 1) << "\n";
  const bool same = identical(imperative, compiled);
  std::cout << "the same bits: " << (same ? "yes" : "no") << "\n";
  return same ? 0 : 1;
} catch (const Error& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
