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
};

/// What was written.
struct ExportedModel {
  /// Paths of the two files.
  std::string symbol, params;
  mlpjit::detail::ValueList<TensorSpec> inputs, outputs;
};

}  // namespace mlpjit::nn
