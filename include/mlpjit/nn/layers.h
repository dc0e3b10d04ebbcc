#pragma once
/// @file
/// The layers. Sizes of inputs are inferred at the first call unless given.

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlpjit/nn/block.h"

namespace mlpjit {
namespace detail {
/// An activation by name; none by default.
class MLPJIT_API ActivationFunction {
 public:
  ActivationFunction() = default;
  /// @throws UserError on an unknown name, listing those known, and on an alpha for one that has
  /// none.
  explicit ActivationFunction(const std::string& name, std::optional<double> alpha = std::nullopt);
  bool defined() const { return function_ != nullptr; }
  Tensor operator()(const Tensor& x) const { return function_(x, alpha_); }

 private:
  Tensor (*function_)(const Tensor&, double) = nullptr;
  double alpha_ = 0;
};
}  // namespace detail

namespace nn {

struct DenseOptions {
  /// Name of an Activation; none by default.
  std::string activation = {};
  bool use_bias = true;
  /// Features of the input; 0: inferred.
  std::int64_t in_units = 0;
  DType dtype = DType::f32;
  /// By default that of `initialize()`.
  Initializer weight_initializer = {};
  Initializer bias_initializer = Zeros();
  /// Makes inputs [batch, ...] two-dimensional first. Otherwise the layer works on the last axis.
  bool flatten = false;
};

/// activation(x * weight^T + bias): [..., in_units] to [..., units]. Parameters: "weight" [units,
/// in_units], "bias" [units].
class MLPJIT_API Dense final : public HybridBlock {
 public:
  explicit Dense(std::int64_t units, const DenseOptions& options = {});
  Dense clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
  std::int64_t units_;
  bool use_bias_, flatten_;
  detail::ActivationFunction activation_;
  Parameter weight_, bias_;
};

/// The names that an Activation and `DenseOptions::activation` take.
MLPJIT_API std::vector<std::string> activation_names();

struct ActivationOptions {
  /// The slope of leaky_relu (0.01) or the scale of elu (1).
  std::optional<double> alpha = std::nullopt;
};

/// A function by name, one of activation_names(): relu, leaky_relu, elu, sigmoid, tanh, hardtanh,
/// softplus (softrelu), silu (swish), gelu, gelu_tanh, softsign, exp, erf, softmax, log_softmax
/// (over the last axis), identity (linear), and the op table's other functions of one float tensor.
class MLPJIT_API Activation final : public HybridBlock {
 public:
  /// @throws UserError on an unknown name, listing those known.
  explicit Activation(const std::string& name, const ActivationOptions& options = {});
  Activation clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
  detail::ActivationFunction function_;
};

/// While training, sets elements to 0 with probability `rate` and scales the others by 1 / (1 -
/// rate); otherwise gives its input. Draws from the thread's random stream.
class MLPJIT_API Dropout final : public HybridBlock {
 public:
  /// @throws ValueError unless 0 <= rate < 1.
  explicit Dropout(double rate = 0.5);
  Dropout clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
  double rate_;
};

struct LayerNormOptions {
  double epsilon = 1e-5;
  /// Size of the last axis; 0: inferred.
  std::int64_t in_units = 0;
  DType dtype = DType::f32;
};

/// Normalises over the last axis, then scales and shifts. Parameters: "gamma", "beta".
class MLPJIT_API LayerNorm final : public HybridBlock {
 public:
  explicit LayerNorm(const LayerNormOptions& options = {});
  LayerNorm clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
  double epsilon_;
  Parameter gamma_, beta_;
};

struct BatchNormOptions {
  /// The axis of the features; negative ones count from the end.
  int axis = 1;
  /// running = running * momentum + batch * (1 - momentum).
  double momentum = 0.9;
  double epsilon = 1e-5;
  /// Size of that axis; 0: inferred.
  std::int64_t in_units = 0;
  DType dtype = DType::f32;
};

/// Normalises each feature: by the batch's mean and variance (ddof 0) while training, which also
/// updates the running ones (a batch without elements does not); otherwise by the running ones.
/// Parameters: "gamma", "beta", "running_mean", "running_var".
class MLPJIT_API BatchNorm final : public HybridBlock {
 public:
  explicit BatchNorm(const BatchNormOptions& options = {});
  BatchNorm clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
  int axis_;
  double momentum_, epsilon_;
  Parameter gamma_, beta_, running_mean_, running_var_;
};

struct EmbeddingOptions {
  DType dtype = DType::f32;
  Initializer weight_initializer = {};
};

/// Rows of a table by integer index: [...] to [..., units]. Parameter: "weight" [count, units].
class MLPJIT_API Embedding final : public HybridBlock {
 public:
  Embedding(std::int64_t count, std::int64_t units, const EmbeddingOptions& options = {});
  Embedding clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
  Parameter weight_;
};

/// (x - mean) / std with fixed numbers or tensors, which broadcast and are no parameters.
class MLPJIT_API Normalize final : public HybridBlock {
 public:
  Normalize(const Tensor& mean, const Tensor& std);
  Normalize clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
  Tensor mean_, std_;
};

/// [batch, ...] to [batch, features].
class MLPJIT_API Flatten final : public HybridBlock {
 public:
  Flatten();
  Flatten clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
};

/// Gives its input.
class MLPJIT_API Identity final : public HybridBlock {
 public:
  Identity();
  Identity clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override;
};

/// A block from a function: `Tensor(const Ops& F, const Tensor& x)`, `Tensor(const Tensor& x)`,
/// `Tensors(const Ops& F, const Tensors& inputs)`, or the name of an Activation.
class MLPJIT_API HybridLambda final : public HybridBlock {
 public:
  using Function = std::function<Tensors(const Ops&, const Tensors&)>;

  explicit HybridLambda(const std::string& activation);
  explicit HybridLambda(const char* activation) : HybridLambda(std::string(activation)) {}
  template <class F>
    requires std::is_invocable_r_v<Tensor, const F&, const Ops&, const Tensor&>
  explicit HybridLambda(F function)
      : HybridLambda(Tag{}, true,
                     [function = std::move(function)](const Ops& ops, const Tensors& inputs) {
                       return Tensors{Tensor(function(ops, inputs.front()))};
                     }) {}
  template <class F>
    requires(!std::is_invocable_v<const F&, const Ops&, const Tensor&> &&
             !std::is_invocable_v<const F&, const Ops&, const Tensors&> &&
             std::is_invocable_r_v<Tensor, const F&, const Tensor&>)
  explicit HybridLambda(F function)
      : HybridLambda(Tag{}, true,
                     [function = std::move(function)](const Ops&, const Tensors& inputs) {
                       return Tensors{Tensor(function(inputs.front()))};
                     }) {}
  template <class F>
    requires(!std::is_invocable_v<const F&, const Ops&, const Tensor&> &&
             std::is_invocable_r_v<Tensors, const F&, const Ops&, const Tensors&>)
  explicit HybridLambda(F function) : HybridLambda(Tag{}, false, Function(std::move(function))) {}
  HybridLambda clone() const { return nn::clone(*this); }

 private:
  struct Tag {};
  HybridLambda(Tag, bool single, Function function);
  Tensors hybrid_forward_n(const Ops& F, const Tensors& inputs) override;
  bool single_;
  Function function_;
};

}  // namespace nn
}  // namespace mlpjit
