#pragma once
/// @file
/// Programs as data: traced from a function or parsed from text, printed, optimised, compiled.

#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mlpjit/detail/callable.h"
#include "mlpjit/explain.h"
#include "mlpjit/options.h"
#include "mlpjit/shape.h"
#include "mlpjit/tensor.h"

namespace mlpjit {

namespace detail {
struct GraphData;
struct GraphAccess;
struct ExecutableData;
}  // namespace detail

/// What an input of a program is.
struct GraphInput {
  /// "argument", "parameter" or "capture"; "state" (the random stream) and "token" (the order of
  /// prints) are supplied by mlpjit.
  std::string kind;
  /// The argument's name, the parameter's path, the number of the capture.
  std::string name;
  TensorSpec spec;
  /// Whether a tensor stands behind it since the trace, so that calls do not pass it.
  bool bound = false;
};

/// A program: functions in SSA form, of which "main" is the entry. Immutable and cheap to copy.
class MLPJIT_API Graph {
 public:
  /// Reads program text. @throws FormatError with line and column.
  static Graph parse(std::string_view text);

  /// The program as text; parse() reads it back to the same text.
  std::string to_text() const;
  /// The program for Graphviz.
  std::string to_dot() const;

  detail::ValueList<GraphInput> inputs() const;
  detail::ValueList<TensorSpec> outputs() const;

  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const Graph& graph);

 private:
  friend struct detail::GraphAccess;
  explicit Graph(std::shared_ptr<const detail::GraphData> data) : data_(std::move(data)) {}
  std::shared_ptr<const detail::GraphData> data_;
};

/// The program after the optimiser's passes; on every input it gives the same bits.
MLPJIT_API Graph optimize(const Graph& graph, const PassOptions& passes = {});

/// A compiled program. A cheap handle; any number of threads may call it.
class MLPJIT_API Executable {
 public:
  /// Runs it on the arguments, then on the parameters and captures that have no tensor behind them
  /// (those of a parsed program), in the order of the program's inputs. A C++ scalar takes the
  /// dtype of its input. Results come in new tensors, but for those that are inputs. @throws
  /// ShapeError, DTypeError or UserError when the arguments do not fit; ValueError as the ops do.
  template <class... Args>
    requires(std::convertible_to<const Args&, Tensor> && ...)
  Outputs operator()(const Args&... arguments) const {
    return detail::with_span([this](std::span<const Tensor> all) { return Outputs(call(all)); },
                             arguments...);
  }
  Outputs operator()(const Tensors& arguments) const { return call(arguments); }

  /// What compiling did; one signature per set of sizes when dimensions are symbolic.
  Explanation explain() const;

 private:
  friend MLPJIT_API Executable compile(const Graph& graph, const HybridizeOptions& options);
  Executable() = default;
  Tensors call(std::span<const Tensor> arguments) const;
  detail::ExecutableData& data() const;
  std::shared_ptr<detail::ExecutableData> data_;
};

/// Compiles a program. Symbolic dimensions are filled in by the sizes of each call. @throws
/// UnsupportedError for Backend::native in a build without LLVM, or where the process may not make
/// memory executable; UserError for options that a program cannot have (HybridizeOptions).
MLPJIT_API Executable compile(const Graph& graph, const HybridizeOptions& options = {});

namespace detail {
MLPJIT_API Graph trace_graph(const std::function<Tensors(const Tensors&)>& function,
                             const std::vector<TensorSpec>& specs);
inline TensorSpec spec_of(const TensorSpec& spec) {
  return spec;
}
inline TensorSpec spec_of(const Tensor& tensor) {
  return {tensor.dtype(), tensor.shape()};
}
template <class T>
concept SpecLike = std::same_as<T, TensorSpec> || std::derived_from<T, Tensor>;
}  // namespace detail

/// Runs a function of Tensors once on symbols and gives the program that it wrote. One TensorSpec
/// (or a Tensor whose dtype and shape count) per parameter. Tensors that the function uses and that
/// existed before become inputs bound to them. The function returns a Tensor, Tensors, void, or a
/// tuple, pair or array of Tensor.
template <class Fn, detail::SpecLike... Specs>
Graph trace(Fn&& function, const Specs&... specs) {
  detail::check_parameters<Fn>();
  return detail::trace_graph(
      [&](const Tensors& inputs) { return detail::call_with(function, inputs); },
      {detail::spec_of(specs)...});
}

}  // namespace mlpjit
