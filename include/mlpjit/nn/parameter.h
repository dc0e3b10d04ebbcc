#pragma once
/// @file
/// Parameters: tensors that belong to blocks, known by their path ("0.weight").

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mlpjit/export.h"
#include "mlpjit/nn/initializer.h"
#include "mlpjit/tensor.h"

namespace mlpjit {
namespace detail {
struct ParameterState;
struct ParameterAccess;
}  // namespace detail

namespace nn {

/// How a block declares a parameter.
struct ParameterOptions {
  DType dtype = DType::f32;
  /// Its own way to start; by default the one given to `initialize()`.
  Initializer initializer = {};
  /// Whether files that keep weights as [in, out] (`{.transpose = true}`) hold it transposed.
  bool transposable = false;
};

/// A size that is inferred at the first call.
inline constexpr std::int64_t kUnknown = -1;

/// A handle: copies share the values.
class MLPJIT_API Parameter {
 public:
  Parameter() = default;
  Parameter(const Parameter& other);
  Parameter(Parameter&& other) noexcept = default;
  Parameter& operator=(const Parameter& other) = default;
  Parameter& operator=(Parameter&& other) noexcept = default;
  ~Parameter() = default;

  /// The path it was last known by, "0.weight".
  const std::string& path() const;
  DType dtype() const;
  /// @throws ParameterError while a size is not yet known.
  Shape shape() const;
  /// Whether it has values: initialised, and all sizes known.
  bool is_initialized() const;

  /// The values, shared: `p.data().data<float>()` may be kept, it holds them. @throws
  /// ParameterError before initialize(), or while a size is not yet known.
  Tensor data() const;
  /// The same for layers: completes the sizes that were unknown, once, and makes the values.
  /// @throws ShapeError when `sizes` contradict those known.
  Tensor data(std::initializer_list<std::int64_t> sizes) const;
  /// A copy of the elements. @throws as data(), and DTypeError when T is not the dtype.
  template <mlpjit::detail::Element T>
  std::vector<T> to_vector() const {
    return data().to_vector<T>();
  }
  /// Copies `values` in; every program compiled with this parameter sees them at its next call.
  /// @throws ShapeError, DTypeError when they do not fit; TraceError while tracing.
  void set_data(const Tensor& values);

  /// "0.weight f32[256, 512]"; unknown sizes print as ?.
  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const Parameter& parameter);

 private:
  friend struct detail::ParameterAccess;
  explicit Parameter(std::shared_ptr<detail::ParameterState> state) : state_(std::move(state)) {}
  detail::ParameterState& state() const;
  std::shared_ptr<detail::ParameterState> state_;
};

/// The parameters of a tree of blocks by path, in the order they were declared. One that is shared
/// appears once, at its first path, and is found by all of them.
class MLPJIT_API ParameterDict {
 public:
  using value_type = std::pair<std::string, Parameter>;

  /// @throws ParameterError with the paths there are.
  Parameter& operator[](std::string_view path) & MLPJIT_LIFETIMEBOUND {
    return items_[index_of(path)].second;
  }
  const Parameter& operator[](std::string_view path) const& MLPJIT_LIFETIMEBOUND {
    return items_[index_of(path)].second;
  }
  Parameter& at(std::string_view path) & MLPJIT_LIFETIMEBOUND { return (*this)[path]; }
  const Parameter& at(std::string_view path) const& MLPJIT_LIFETIMEBOUND { return (*this)[path]; }
  /// Of a temporary: a handle, `net.collect_params()["0.bias"]`.
  Parameter operator[](std::string_view path) && { return items_[index_of(path)].second; }
  Parameter at(std::string_view path) && { return items_[index_of(path)].second; }
  bool contains(std::string_view path) const;
  /// The path under which iteration shows the parameter: a shared one has several, and is listed
  /// under its first. @throws ParameterError with the paths there are.
  const std::string& first_path(std::string_view path) const& MLPJIT_LIFETIMEBOUND {
    return items_[index_of(path)].first;
  }
  std::string first_path(std::string_view path) const&& { return items_[index_of(path)].first; }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  /// One line per parameter.
  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const ParameterDict& parameters);

 private:
  friend struct detail::ParameterAccess;
  std::size_t index_of(std::string_view path) const;
  std::vector<value_type> items_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

/// How a parameter file is read.
struct LoadOptions {
  /// Prefixes of the names in the file and what stands for them here; or patterns of whole names,
  /// whose stars stand for any text, which those of the replacement take in their order:
  /// `{"blocks.*.lin.*", "*.dense.*"}`. The longest that fits counts. One that fits no name is an
  /// error. PyTorch's `weight` and `bias` of a norm are `gamma` and `beta` without being renamed.
  std::map<std::string, std::string> rename = {};
  /// The file keeps the weights of Dense layers as [in, out].
  bool transpose = false;
  /// Convert other dtypes, F16 and BF16 included, to those of the parameters.
  bool cast = false;
  /// Refuse a file that lacks a parameter or holds a name that is none.
  bool strict = true;
  /// Of a model: run its checks, see ExportOptions::checks. They are left out with `cast`, and
  /// while parameters are missing.
  bool verify = true;
};

/// A tensor of a parameter file and where it went.
struct LoadedTensor {
  std::string name;       ///< in the file
  std::string parameter;  ///< its path here
  Shape stored, shape;    ///< its sizes in the file, and here
  bool transposed = false;
  bool cast = false;  ///< to another dtype
};

/// What a load did: nothing is skipped in silence.
struct LoadReport {
  mlpjit::detail::ValueList<std::string> loaded;
  /// Parameters that the file does not have; only when not strict.
  mlpjit::detail::ValueList<std::string> missing;
  /// Names in the file that are no parameters; only when not strict.
  mlpjit::detail::ValueList<std::string> unused;
  /// PyTorch's counts of batches (num_batches_tracked), and of an exported model what is of its
  /// program alone: nothing needs them.
  mlpjit::detail::ValueList<std::string> ignored;
  /// What came of the tensors that were loaded, in the order of the parameters.
  mlpjit::detail::ValueList<LoadedTensor> tensors;

  /// A table: names and sizes in the file and here, what was turned, converted and left out.
  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const LoadReport& report);
};

}  // namespace nn
}  // namespace mlpjit
