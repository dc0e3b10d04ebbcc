#pragma once
// What the tools share: a network given on the command line, and output that must not be lost.

#include <cstdint>
#include <string>
#include <vector>

#include "mlpjit/nn/nn.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace mlpjit::tools {

// A multi-layer perceptron.
struct NetworkSpec {
  std::vector<std::int64_t> sizes;  // input first
  std::string activation = "relu";  // of every layer but the last; "none" for none
  DType dtype = DType::f32;
};

// "512-256-128-2 relu f32"; without the activation where no layer has it.
std::string to_string(const NetworkSpec& spec);

// Its layers, with parameters that start as the initializer says.
nn::HybridSequential make_network(const NetworkSpec& spec, const nn::Initializer& initializer);

// "512-256-128-2" -> the sizes, an input and an output at least, none of them 0. Throws UserError.
std::vector<std::int64_t> parse_layer_sizes(const std::string& text);

// The options of both tools that say what stands between the layers.
struct NetworkOptions {
  std::string activation = "relu", dtype = "f32";

  // Of an App or of a group of options in one.
  void declare(CLI::App& app);
  // Whether one was given: with a network that is no list of sizes it would do nothing.
  bool given() const;
  // Throws UserError.
  NetworkSpec spec(const std::string& layers) const;

 private:
  std::vector<const CLI::Option*> options_;
};

// Throws UserError when what went to standard output did not arrive (a full disk, say).
void finish_output();

}  // namespace mlpjit::tools
