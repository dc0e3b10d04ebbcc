// Runs a portable model that it knows nothing of: run_model SYMBOL PARAMS INPUTS OUTPUTS MODE,
// where INPUTS and OUTPUTS are safetensors files by the names of the model's inputs and outputs and
// MODE is imperative, graph or compiled. Exits with 0, or with 1 and the error on stderr.
#include <mlpjit/mlpjit.h>

#include <cstdio>
#include <string>

using namespace mlpjit;

int main(int argc, char** argv) try {
  if (argc != 6) {
    std::fprintf(stderr, "usage: run_model SYMBOL PARAMS INPUTS OUTPUTS MODE\n");
    return 2;
  }
  const std::string mode = argv[5];
  auto net = nn::SymbolBlock::imports(argv[1], argv[2]);
  if (mode != "imperative") {
    net.hybridize({.backend = mode == "graph" ? Backend::graph : Backend::native});
  }
  const TensorMap given = load_safetensors(argv[3]);
  Tensors inputs;
  for (const std::string& name : net.input_names()) inputs.push_back(given.at(name));
  random::seed(7);
  const Tensors results = net(inputs);
  TensorMap outputs;
  for (std::size_t i = 0; i < results.size(); ++i) outputs[net.output_names()[i]] = results[i];
  save_safetensors(argv[4], outputs);
  return 0;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
