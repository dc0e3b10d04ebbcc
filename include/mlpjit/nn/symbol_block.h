#pragma once
/// @file
/// SymbolBlock: a network from the files that export_model() writes, without the C++ it was made
/// with.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mlpjit/nn/block.h"

namespace mlpjit {
namespace detail {
struct SymbolProgram;
struct SymbolAccess;
}  // namespace detail

namespace nn {

/// A hybrid block whose body is a program read from a file: graph() is that program as it was
/// read. It runs op by op, as a graph or compiled; its parameters have the paths they had in the
/// network that was exported.
class MLPJIT_API SymbolBlock final : public HybridBlock {
 public:
  /// Reads what save() wrote, or an ONNX model: the same as imports(model_file).
  static SymbolBlock load(const std::string& model_file, const LoadOptions& options = {}) {
    return imports(model_file, options);
  }

  /// Reads a model. `options` say how the parameter file is read: renamed, transposed, cast, or not
  /// strict (what is missing then waits for initialize() or load_parameters()). Its checks are run,
  /// see ExportOptions::checks. @throws FormatError naming the file and the place, or the first
  /// layer whose values are not those that were written; ParameterError, ShapeError, DTypeError
  /// naming the parameter.
  static SymbolBlock imports(const std::string& symbol_file, const std::string& parameter_file,
                             const LoadOptions& options = {});

  /// Reads the one file that save() wrote; or an ONNX model (.onnx): a network with the inputs,
  /// outputs and classes of the file, whose parameters have the names of its initializers. Weights
  /// in a file of their own stand beside it.
  /// Sizes that the file gives a name, or none, are any size. Labels that are strings come as their
  /// places in classes(). `options.cast` widens float16 and bfloat16 to float32; the others are for
  /// parameter files. docs/models.md has the ops.
  /// @throws FormatError for a file that is no ONNX model; UnsupportedError naming every node that
  /// cannot be read, or where libmlpjit-onnx is not there.
  static SymbolBlock imports(const std::string& model_file, const LoadOptions& options = {});

  SymbolBlock(const SymbolBlock& other);
  SymbolBlock(SymbolBlock&& other) noexcept = default;
  SymbolBlock& operator=(const SymbolBlock& other) = default;
  SymbolBlock& operator=(SymbolBlock&& other) noexcept = default;

  /// Names of the arguments of a call, in order.
  std::vector<std::string> input_names() const;
  /// Their types, with the symbols of sizes that are any.
  std::vector<TensorSpec> input_specs() const;
  /// Those of the results; empty where the network hangs on values of inputs.
  std::vector<TensorSpec> output_specs() const;
  /// Names of the results, in order.
  const std::vector<std::string>& output_names() const& MLPJIT_LIFETIMEBOUND;
  std::vector<std::string> output_names() const&& { return as_lvalue().output_names(); }
  /// Names of the classes, where the file has them.
  const std::vector<std::string>& classes() const& MLPJIT_LIFETIMEBOUND;
  std::vector<std::string> classes() const&& { return as_lvalue().classes(); }
  /// What a model of another trainer knows of strings: an input or output of that name, where it is
  /// one of strings, has i64 codes, places in strings().
  bool is_coded(const std::string& name) const;
  const std::vector<std::string>& strings() const& MLPJIT_LIFETIMEBOUND;
  std::vector<std::string> strings() const&& { return as_lvalue().strings(); }
  /// The code of a string; -1, which no category equals, for one that the model does not know.
  std::int64_t code(const std::string& text) const;
  const std::map<std::string, std::string>& metadata() const& MLPJIT_LIFETIMEBOUND;
  std::map<std::string, std::string> metadata() const&& { return as_lvalue().metadata(); }
  /// Whether it is the program of training mode.
  bool training() const;

  SymbolBlock clone() const { return nn::clone(*this); }

 private:
  friend struct detail::SymbolAccess;
  explicit SymbolBlock(std::shared_ptr<detail::SymbolProgram> program);
  Tensors hybrid_forward_n(const Ops& F, const Tensors& inputs) override;
  std::uint64_t variant(std::span<const Tensor> inputs) const override;
  const SymbolBlock& as_lvalue() const { return *this; }
  detail::SymbolProgram& program() const;

  std::shared_ptr<detail::SymbolProgram> program_;
};

}  // namespace nn
}  // namespace mlpjit
