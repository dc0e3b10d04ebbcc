#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "mlpjit/error.h"
#include "mlpjit/nn/layers.h"
#include "mlpjit/ops.h"

namespace mlpjit::detail {
namespace {

struct Entry {
  std::string_view name;
  Tensor (*function)(const Tensor& x, double alpha);
  std::optional<double> alpha;  // the default of those that have one
};

#define MLPJIT_ACTIVATION(name, expression)                                                    \
  Entry {                                                                                      \
    name, [](const Tensor& x, [[maybe_unused]] double alpha) -> Tensor { return expression; }, \
        std::nullopt                                                                           \
  }
const std::array<Entry, 19> kActivations = {{
    MLPJIT_ACTIVATION("relu", relu(x)),
    {"leaky_relu", [](const Tensor& x, double alpha) { return leaky_relu(x, alpha); }, 0.01},
    {"elu", [](const Tensor& x, double alpha) { return elu(x, alpha); }, 1.0},
    MLPJIT_ACTIVATION("sigmoid", sigmoid(x)),
    MLPJIT_ACTIVATION("tanh", tanh(x)),
    MLPJIT_ACTIVATION("hardtanh", hardtanh(x)),
    MLPJIT_ACTIVATION("softplus", softplus(x)),
    MLPJIT_ACTIVATION("softrelu", softplus(x)),
    MLPJIT_ACTIVATION("silu", silu(x)),
    MLPJIT_ACTIVATION("swish", silu(x)),
    MLPJIT_ACTIVATION("gelu", gelu(x)),
    MLPJIT_ACTIVATION("gelu_tanh", gelu(x, {.approximate = true})),
    MLPJIT_ACTIVATION("softsign", x / (1 + abs(x))),
    MLPJIT_ACTIVATION("exp", exp(x)),
    MLPJIT_ACTIVATION("softmax", softmax(x)),
    MLPJIT_ACTIVATION("log_softmax", log_softmax(x)),
    MLPJIT_ACTIVATION("erf", erf(x)),
    MLPJIT_ACTIVATION("identity", x),
    MLPJIT_ACTIVATION("linear", x),
}};
#undef MLPJIT_ACTIVATION

}  // namespace

ActivationFunction::ActivationFunction(const std::string& name, std::optional<double> alpha) {
  const auto found = std::find_if(kActivations.begin(), kActivations.end(),
                                  [&](const Entry& entry) { return entry.name == name; });
  if (found == kActivations.end()) {
    std::vector<std::string_view> names;
    for (const Entry& entry : kActivations) names.push_back(entry.name);
    throw UserError(
        fmt::format("no activation '{}'; there are: {}. Others are written as nn::HybridLambda",
                    name, fmt::join(names, ", ")));
  }
  if (alpha && !found->alpha) {
    throw UserError(fmt::format("activation '{}' has no alpha; leaky_relu and elu do", name));
  }
  function_ = found->function;
  alpha_ = alpha ? *alpha : found->alpha.value_or(0);
}

}  // namespace mlpjit::detail

namespace mlpjit::nn {

Activation::Activation(const std::string& name, const ActivationOptions& options)
    : HybridBlock("Activation",
                  options.alpha ? fmt::format("{}, alpha={}", name, *options.alpha) : name),
      function_(name, options.alpha) {}

Tensor Activation::hybrid_forward(const Ops&, const Tensor& input) {
  return function_(input);
}

}  // namespace mlpjit::nn
