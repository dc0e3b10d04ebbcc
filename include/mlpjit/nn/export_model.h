#pragma once
/// @file
/// What export_model() writes, the two files of a portable model (docs/formats.md), and how graph()
/// and export_model() trace.

#include <map>
#include <string>
#include <vector>

#include "mlpjit/detail/value_list.h"
#include "mlpjit/options.h"
#include "mlpjit/shape.h"
#include "mlpjit/tensor.h"

namespace mlpjit::nn {

/// Options of `graph`, as designated initialisers.
struct GraphOptions {
  /// Names of the inputs; "x0", "x1", ... by default.
  std::vector<std::string> input_names = {};
  /// The program of training mode (Dropout draws, BatchNorm updates) rather than that of inference.
  bool training = false;
  /// Without inputs: as in ExportOptions.
  Batch batch = Batch::dynamic;
};

/// Options of `export_model`, as designated initialisers.
struct ExportOptions {
  /// Dtypes and shapes of the inputs, `{f32({dim("B"), 512})}`; symbolic sizes stay symbolic. By
  /// default those of the network's first call, or, where it was not called, what its first Dense
  /// layer takes.
  std::vector<TensorSpec> inputs = {};
  /// Names of the inputs; "x0", "x1", ... by default.
  std::vector<std::string> input_names = {};
  /// Names of the outputs; "y0", "y1", ... by default.
  std::vector<std::string> output_names = {};
  /// Names of the classes that a classifier tells apart, in the order of its outputs.
  std::vector<std::string> classes = {};
  /// Anything else worth keeping with the model.
  std::map<std::string, std::string> metadata = {};
  /// Export the program of training mode (Dropout draws, BatchNorm updates) rather than that of
  /// inference.
  bool training = false;
  /// Without `inputs`: whether axis 0 becomes a symbolic batch size B where the network allows it,
  /// so that the model takes any batch, or keeps the size it was called with.
  Batch batch = Batch::dynamic;
  /// Write what the layers make of some inputs along: whoever imports the model is told when a
  /// layer makes something else of them. Not of programs that draw, print, or loop without an end.
  bool checks = true;
  /// The inputs of these calls, each the arguments of one. By default one seeded batch of two, of
  /// floats from -1 to 1 and of integers 0 and 1, where the network takes them.
  std::vector<Tensors> examples = {};
};

/// What was written.
struct ExportedModel {
  /// Paths of the two files; of the one that save() writes, both.
  std::string symbol, params;
  mlpjit::detail::ValueList<TensorSpec> inputs, outputs;
};

}  // namespace mlpjit::nn
