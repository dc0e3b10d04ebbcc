// Exports the digits network of ../digits.cpp as the two files that the programs of this folder
// run, and prints what they must print: a line per row of test.csv, the label and the logits' bits.
#include <mlpjit/mlpjit.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <string>

#include "../data.h"

using namespace mlpjit;

int main(int argc, char** argv) try {
  const std::string folder = data_folder(argc, argv) + "/digits/";
  const std::string prefix = argc > 2 ? std::string(argv[2]) + "/digits" : "digits";

  nn::HybridSequential net;
  net.add(nn::Normalize(0, 16), nn::Dense(128, {.activation = "relu"}),
          nn::Dense(64, {.activation = "relu"}), nn::Dense(10));
  net.load_parameters(folder + "digits-mlp.safetensors",
                      {.rename = {{"dense0.", "1."}, {"dense1.", "2."}, {"dense2.", "3."}}});
  const Tensor logits = net(read_digits(folder).pixels);
  net.export_model(prefix, {.input_names = {"pixels"},
                            .output_names = {"logits"},
                            .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}});

  const auto labels = argmax(logits, 1).to_vector<std::int64_t>();
  const auto elements = logits.data<float>();
  for (std::size_t row = 0; row < labels.size(); ++row) {
    std::printf("%d", static_cast<int>(labels[row]));
    for (std::size_t i = 0; i < 10; ++i)
      std::printf(" %08X", std::bit_cast<std::uint32_t>(elements[row * 10 + i]));
    std::printf("\n");
  }
  return 0;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
