#include "mlpjit/nn/layers.h"

#include <fmt/format.h>

#include <optional>

#include "lib/ir/size_product.h"
#include "lib/support/float_env.h"
#include "lib/support/publication.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "mlpjit/random.h"
#include "src/core/path.h"

namespace mlpjit::nn {
namespace {

std::int64_t size_or_unknown(std::int64_t size) {
  return size == 0 ? kUnknown : size;
}

void check_positive(const char* layer, const char* what, std::int64_t value, bool zero_allowed) {
  if (value > 0 || (zero_allowed && value == 0)) return;
  throw ShapeError(fmt::format("{}: {} is {}, expected {}", layer, what, value,
                               zero_allowed ? "a size, or 0 to infer it" : "at least 1"));
}

// The size of the feature axis. Throws ShapeError when the input lacks the axis.
std::int64_t features_of(const char* layer, const Tensor& input, int axis) {
  const int rank = input.rank();
  if (axis >= rank || axis < -rank) {
    throw ShapeError(fmt::format("{}{}: the input {}{} has no axis {} for the features",
                                 detail::path_prefix(), layer, to_string(input.dtype()),
                                 to_string(input.shape()), axis));
  }
  return input.shape()[axis].value();
}

void check_features(const char* layer, const Tensor& input, const Parameter& parameter,
                    std::int64_t found, int parameter_axis) {
  if (!parameter.is_initialized()) return;
  const std::int64_t expected = parameter.data().shape()[parameter_axis].value();
  if (expected == found) return;
  throw ShapeError(fmt::format(
      "{}{}: expected an input of {} features, as parameter '{}' {}{} was made for; got {}{}",
      detail::path_prefix(), layer, expected, parameter.path(), to_string(parameter.dtype()),
      to_string(parameter.shape()), to_string(input.dtype()), to_string(input.shape())));
}

// [batch, everything else]; the batch may be symbolic.
Tensor flattened(const Ops& F, const char* layer, const Tensor& input) {
  if (input.rank() == 0) {
    throw ShapeError(fmt::format("{}{}: expected an input [batch, ...], got a scalar",
                                 detail::path_prefix(), layer));
  }
  ir::SizeProduct features;
  for (int axis = 1; axis < input.rank(); ++axis) features.multiply(input.shape()[axis]);
  const std::optional<Dim> size = features.as_dim();
  if (!size) {
    throw ShapeError(fmt::format(
        "{}{}: {} has {} features, but one size of a program has one symbol at most, as in 3*B+1; "
        "give all sizes but the batch and one other a known value",
        detail::path_prefix(), layer, to_string(input.shape()), to_string(features)));
  }
  return F.reshape(input, Shape{input.shape()[0], *size});
}

// Whether these axes hold any element: known at once, or, of symbolic sizes, when the program runs.
Tensor any_element(const Ops& F, const Shape& shape, const Axes& axes) {
  Tensor any = true;
  for (const int axis : axes) {
    const Dim size = shape[axis];
    if (!size.is_static()) {
      any = any && F.sum(ones({size})) > 0;
    } else if (size.value() == 0) {
      return false;
    }
  }
  return any;
}

// Arithmetic on attributes rounds to nearest, whatever the caller's environment.
double complement(double x) {
  const support::FloatEnvScope environment;
  return 1 - x;
}
double reciprocal(double x) {
  const support::FloatEnvScope environment;
  return 1 / x;
}

}  // namespace

Dense::Dense(std::int64_t units, const DenseOptions& options)
    : HybridBlock("Dense", fmt::format("{}{}{}", units, options.activation.empty() ? "" : ", ",
                                       options.activation)),
      units_(units),
      use_bias_(options.use_bias),
      flatten_(options.flatten) {
  check_positive("Dense", "units", units, false);
  check_positive("Dense", "in_units", options.in_units, true);
  if (!options.activation.empty()) activation_ = detail::ActivationFunction(options.activation);
  weight_ = parameter(
      "weight", {units, size_or_unknown(options.in_units)},
      {.dtype = options.dtype, .initializer = options.weight_initializer, .transposable = true});
  if (use_bias_) {
    bias_ = parameter("bias", {units},
                      {.dtype = options.dtype, .initializer = options.bias_initializer});
  }
}

Tensor Dense::hybrid_forward(const Ops& F, const Tensor& input) {
  const Tensor x = flatten_ ? flattened(F, "Dense", input) : input;
  const std::int64_t features = features_of("Dense", x, -1);
  check_features("Dense", x, weight_, features, 1);
  const Tensor weight = weight_.data({units_, features});
  const Tensor y = use_bias_ ? F.dense(x, weight, bias_.data()) : F.dense(x, weight);
  return activation_.defined() ? activation_(y) : y;
}

Dropout::Dropout(double rate) : HybridBlock("Dropout", fmt::format("{}", rate)), rate_(rate) {
  if (!(rate >= 0 && rate < 1))
    throw ValueError(fmt::format("Dropout: the rate is {}, expected 0 <= rate < 1", rate));
}

Tensor Dropout::hybrid_forward(const Ops& F, const Tensor& input) {
  if (!is_training() || rate_ == 0) return input;
  const Tensor kept = random::uniform(input.shape()) >= rate_;
  return F.where(kept, input * reciprocal(complement(rate_)), 0.0);
}

LayerNorm::LayerNorm(const LayerNormOptions& options)
    : HybridBlock("LayerNorm", ""), epsilon_(options.epsilon) {
  check_positive("LayerNorm", "in_units", options.in_units, true);
  const std::int64_t units = size_or_unknown(options.in_units);
  gamma_ = parameter("gamma", {units}, {.dtype = options.dtype, .initializer = Ones()});
  beta_ = parameter("beta", {units}, {.dtype = options.dtype, .initializer = Zeros()});
}

Tensor LayerNorm::hybrid_forward(const Ops& F, const Tensor& input) {
  const std::int64_t units = features_of("LayerNorm", input, -1);
  check_features("LayerNorm", input, gamma_, units, 0);
  return F.layer_norm(input, gamma_.data({units}), beta_.data({units}), epsilon_);
}

BatchNorm::BatchNorm(const BatchNormOptions& options)
    : HybridBlock("BatchNorm", ""),
      axis_(options.axis),
      momentum_(options.momentum),
      epsilon_(options.epsilon) {
  check_positive("BatchNorm", "in_units", options.in_units, true);
  const auto declare = [&](const char* name, const Initializer& initializer) {
    return parameter(name, {size_or_unknown(options.in_units)},
                     {.dtype = options.dtype, .initializer = initializer});
  };
  gamma_ = declare("gamma", Ones());
  beta_ = declare("beta", Zeros());
  running_mean_ = declare("running_mean", Zeros());
  running_var_ = declare("running_var", Ones());
}

Tensor BatchNorm::hybrid_forward(const Ops& F, const Tensor& input) {
  const std::int64_t units = features_of("BatchNorm", input, axis_);
  check_features("BatchNorm", input, gamma_, units, 0);
  const Tensor gamma = gamma_.data({units}), beta = beta_.data({units});
  Tensor running_mean = running_mean_.data({units}), running_var = running_var_.data({units});
  const int axis = axis_ < 0 ? axis_ + input.rank() : axis_;
  Axes others;
  Shape aligned;
  for (int i = 0; i < input.rank(); ++i) {
    if (i != axis) others.push_back(i);
    aligned.push_back(i == axis ? Dim(units) : Dim(1));
  }
  Tensor mean = running_mean, var = running_var;
  if (is_training()) {
    mean = F.mean(input, others);
    var = F.var(input, others);
    // The mean and the variance of nothing are NaN, which the running ones would be for ever.
    const Tensor any = any_element(F, input.shape(), others);
    const auto learn = [&](Tensor& running, const Tensor& batch) {
      const Tensor next = running * momentum_ + batch * complement(momentum_);
      running.assign(any.is_symbolic() ? F.where(any, next, running) : next);
    };
    if (any.is_symbolic() || any.item<bool>()) {
      support::Publication together;  // whoever reads them
      learn(running_mean, mean);
      learn(running_var, var);
      together.commit();
    }
  }
  const Tensor scale = F.rsqrt(var + epsilon_) * gamma;
  return (input - F.reshape(mean, aligned)) * F.reshape(scale, aligned) + F.reshape(beta, aligned);
}

Embedding::Embedding(std::int64_t count, std::int64_t units, const EmbeddingOptions& options)
    : HybridBlock("Embedding", fmt::format("{}, {}", count, units)) {
  check_positive("Embedding", "count", count, false);
  check_positive("Embedding", "units", units, false);
  weight_ = parameter("weight", {count, units},
                      {.dtype = options.dtype, .initializer = options.weight_initializer});
}

Tensor Embedding::hybrid_forward(const Ops& F, const Tensor& input) {
  return F.gather(weight_.data(), input, 0);
}

Normalize::Normalize(const Tensor& mean, const Tensor& std)
    : HybridBlock("Normalize", ""), mean_(mean), std_(std) {
  if (!mean.defined() || !std.defined())
    throw UserError("Normalize: mean and std are numbers or tensors");
}

Tensor Normalize::hybrid_forward(const Ops&, const Tensor& input) {
  return (input - mean_) / std_;
}

Flatten::Flatten() : HybridBlock("Flatten", "") {}

Tensor Flatten::hybrid_forward(const Ops& F, const Tensor& input) {
  return flattened(F, "Flatten", input);
}

Identity::Identity() : HybridBlock("Identity", "") {}

Tensor Identity::hybrid_forward(const Ops&, const Tensor& input) {
  return input;
}

HybridLambda::HybridLambda(const std::string& activation)
    : HybridBlock("HybridLambda", activation), single_(true) {
  function_ = [function = detail::ActivationFunction(activation)](
                  const Ops&, const Tensors& inputs) { return Tensors{function(inputs.front())}; };
}

HybridLambda::HybridLambda(Tag, bool single, Function function)
    : HybridBlock("HybridLambda", ""), single_(single), function_(std::move(function)) {}

Tensors HybridLambda::hybrid_forward_n(const Ops& F, const Tensors& inputs) {
  if (single_ && inputs.size() != 1) {
    throw UserError(fmt::format("{}HybridLambda: its function takes one input, got {}",
                                detail::path_prefix(), inputs.size()));
  }
  return function_(F, inputs);
}

}  // namespace mlpjit::nn
