// The table of all peers.

#include <fmt/format.h>

#include <iostream>
#include <optional>
#include <utility>

#include "tools/mlpjit-bench/peers/kinds.h"

namespace mlpjit::bench {
namespace {

constexpr std::pair<const char*, Activation> kActivations[] = {
    {"none", Activation::none},       {"identity", Activation::none}, {"linear", Activation::none},
    {"relu", Activation::relu},       {"tanh", Activation::tanh},     {"elu", Activation::elu},
    {"sigmoid", Activation::sigmoid}, {"gelu", Activation::gelu},     {"silu", Activation::silu},
    {"swish", Activation::silu},
};

std::optional<Activation> activation_of(const tools::NetworkSpec& spec) {
  if (spec.sizes.size() < 3) return Activation::none;  // the last layer has none
  for (const auto& [name, activation] : kActivations) {
    if (spec.activation == name) return activation;
  }
  return std::nullopt;
}

std::optional<Problem> problem_of(const tools::NetworkSpec& spec, const nn::HybridSequential& net,
                                  const Tensor& input) {
  const std::optional<Activation> activation = activation_of(spec);
  if (spec.dtype != DType::f32 || input.size() == 0 || !activation) return std::nullopt;
  Problem problem{{}, *activation, input, input.shape()[0].value()};
  auto parameters = net.collect_params();
  for (std::size_t i = 1; i < spec.sizes.size(); ++i) {
    const std::string layer = std::to_string(i - 1);
    const bool last = i + 1 == spec.sizes.size();
    problem.layers.push_back(
        {spec.sizes[i - 1], spec.sizes[i], parameters[layer + ".weight"].data().copy(),
         parameters[layer + ".bias"].data().copy(), last ? Activation::none : *activation});
  }
  return problem;
}

// In the order of the rows. Libraries that are opened at run time are opened here.
const std::vector<PeerKind>& kinds() {
  static const std::vector<PeerKind> all = {onednn_kind(),   openvino_kind(), onnxruntime_kind(),
                                            openblas_kind(), eigen_kind(),    libxsmm_kind(),
                                            xnnpack_kind(),  plain_kind()};
  return all;
}

}  // namespace

PreparedPeer::PreparedPeer(std::string name, const Problem& problem)
    : name_(std::move(name)),
      problem_(problem),
      output_(zeros({problem.batch, problem.layers.back().outputs})),
      x_(problem_.input.data<float>().data()),
      y_(output_.mutable_data<float>().data()) {}

std::vector<std::unique_ptr<Peer>> make_peers(const tools::NetworkSpec& spec,
                                              const nn::HybridSequential& net,
                                              const Tensor& input) {
  std::vector<std::unique_ptr<Peer>> peers;
  const std::optional<Problem> problem = problem_of(spec, net, input);
  if (!problem) return peers;
  for (const PeerKind& kind : kinds()) {
    if (!kind.version) continue;
    for (const MakePeer make : kind.makers) {
      try {
        if (std::unique_ptr<Peer> peer = make(*problem)) peers.push_back(std::move(peer));
      } catch (const std::exception& error) {
        std::cerr << "mlpjit-bench: left out, " << kind.name << ": " << error.what() << "\n";
      }
    }
  }
  return peers;
}

std::string peers_text() {
  std::string here, missing;
  for (const PeerKind& kind : kinds()) {
    std::string& list = kind.version ? here : missing;
    if (!list.empty()) list += ", ";
    list += kind.name;
    if (!kind.version) {
      list += fmt::format(" ({})", kind.remedy);
    } else if (!kind.version->empty()) {
      list += " " + *kind.version;
    }
  }
  return fmt::format("peers, on one thread: {}{}{}", here.empty() ? "none" : here,
                     missing.empty() ? "" : "; not here: ", missing);
}

}  // namespace mlpjit::bench
