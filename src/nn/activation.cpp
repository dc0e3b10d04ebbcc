// Activations by name: the op table's functions of one float tensor, and a few names more.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/ir/attr.h"
#include "lib/ir/opcodes.h"
#include "lib/support/nearest.h"
#include "mlpjit/error.h"
#include "mlpjit/nn/layers.h"
#include "mlpjit/ops.h"
#include "src/ops/dispatch.h"

namespace mlpjit::detail {
namespace {

using Function = Tensor (*)(const Tensor& x, double alpha);

// Activations keep the shape, so any operand will do.
std::optional<ir::AttrValue> default_of(const ir::AttrSpec& spec) {
  return ir::default_of(spec, {});
}

// One float tensor in, one out, element by element, and nothing else that must be said.
bool is_activation(const ir::OpInfo& op) {
  return op.arity == 1 && op.results == 1 && op.family == ir::Family::elementwise &&
         op.opcode != ir::Opcode::logical_not &&
         std::all_of(op.attrs.begin(), op.attrs.end(),
                     [&](const ir::AttrSpec& spec) { return default_of(spec).has_value(); });
}

// The op with the defaults of its attributes, but for alpha.
template <ir::Opcode opcode>
Tensor run(const Tensor& x, double alpha) {
  const ir::OpInfo& op = ir::info(opcode);
  ir::Attrs attrs;
  for (const ir::AttrSpec& spec : op.attrs)
    attrs.set(spec.name, spec.name == "alpha" ? alpha : default_of(spec).value());
  return apply_one(opcode, {&x}, attrs);
}

// By opcode.
constexpr Function kOps[] = {
#define MLPJIT_OP(name, ...) &run<ir::Opcode::name>,
#include "mlpjit/detail/ops.def"
};

// Other names for ops.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
#define MLPJIT_ACTIVATION_ALIAS(alias, name) {#alias, #name},
#include "mlpjit/detail/ops.def"
};

// What works on rows, or is no op of its own.
constexpr std::pair<std::string_view, Function> kOthers[] = {
    {"softmax", [](const Tensor& x, double) { return softmax(x); }},
    {"log_softmax", [](const Tensor& x, double) { return log_softmax(x); }},
    {"softsign", [](const Tensor& x, double) -> Tensor { return x / (1 + abs(x)); }},
    {"identity", [](const Tensor& x, double) { return x; }},
    {"linear", [](const Tensor& x, double) { return x; }},
};

struct Found {
  Function function;
  std::optional<double> alpha;  // the default of those that have one
};

std::optional<double> alpha_of(const ir::OpInfo& op) {
  for (const ir::AttrSpec& spec : op.attrs) {
    if (spec.name == "alpha") return std::get<double>(default_of(spec).value());
  }
  return std::nullopt;
}

std::optional<Found> find(std::string_view name) {
  for (const auto& [other, function] : kOthers) {
    if (name == other) return Found{function, std::nullopt};
  }
  for (const auto& [alias, op] : kAliases) {
    if (name == alias) name = op;
  }
  const std::optional<ir::Opcode> opcode = ir::opcode_from_name(name);
  if (!opcode || !is_activation(ir::info(*opcode))) return std::nullopt;
  return Found{kOps[static_cast<std::size_t>(*opcode)], alpha_of(ir::info(*opcode))};
}

std::vector<std::string_view> names_with_alpha() {
  std::vector<std::string_view> names;
  for (const ir::OpInfo& op : ir::all_ops()) {
    if (is_activation(op) && alpha_of(op)) names.push_back(op.name);
  }
  return names;
}

}  // namespace

ActivationFunction::ActivationFunction(const std::string& name, std::optional<double> alpha) {
  const std::optional<Found> found = find(name);
  if (!found) {
    const std::vector<std::string> known = nn::activation_names();
    const std::vector<std::string_view> views(known.begin(), known.end());
    const std::string meant = support::did_you_mean(name, views);
    throw UserError(
        fmt::format("no activation '{}'{} There are: {}. Others are written as nn::HybridLambda",
                    name, meant.empty() ? "." : meant, fmt::join(known, ", ")));
  }
  if (alpha && !found->alpha)
    throw UserError(fmt::format("activation '{}' has no alpha; {} do", name,
                                fmt::join(names_with_alpha(), ", ")));
  function_ = found->function;
  alpha_ = alpha ? *alpha : found->alpha.value_or(0);
}

}  // namespace mlpjit::detail

namespace mlpjit::nn {

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const ir::OpInfo& op : ir::all_ops()) {
    if (detail::is_activation(op)) names.emplace_back(op.name);
  }
  for (const auto& [alias, op] : detail::kAliases) names.emplace_back(alias);
  for (const auto& [name, function] : detail::kOthers) names.emplace_back(name);
  return names;
}

Activation::Activation(const std::string& name, const ActivationOptions& options)
    : HybridBlock("Activation",
                  options.alpha ? fmt::format("{}, alpha={}", name, *options.alpha) : name),
      function_(name, options.alpha) {}

Tensor Activation::hybrid_forward(const Ops&, const Tensor& input) {
  return function_(input);
}

}  // namespace mlpjit::nn
