// The peers of native.h, as the tool sees them.
#include "tools/mlpjit-bench/peers/native.h"

#include "tools/mlpjit-bench/peers/kinds.h"

namespace mlpjit::bench {
namespace {

constexpr const char* kOtherCpu = "built for another CPU: build it on this one";

class NativePeer final : public PreparedPeer {
 public:
  NativePeer(std::string name, const Problem& problem, std::unique_ptr<native::Runner> runner)
      : PreparedPeer(std::move(name), problem), runner_(std::move(runner)) {}
  void run() override { runner_->run(x(), y()); }

 private:
  std::unique_ptr<native::Runner> runner_;
};

std::unique_ptr<Peer> make_native(const char* name,
                                  native::Runner* (*make_runner)(const native::Network&),
                                  const Problem& problem) {
  std::vector<native::Layer> layers;
  for (const DenseLayer& layer : problem.layers) {
    layers.push_back({layer.inputs, layer.outputs, layer.weight.data<float>().data(),
                      layer.bias.data<float>().data()});
  }
  std::unique_ptr<native::Runner> runner(
      make_runner({layers.data(), layers.size(), problem.activation, problem.batch}));
  if (!runner) return nullptr;
  return std::make_unique<NativePeer>(name, problem, std::move(runner));
}

}  // namespace

bool native_runs_here() {
#ifdef __x86_64__
  if (native::kUsesAvx2 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
    return false;
  if (native::kUsesAvx512 &&
      !(__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw")))
    return false;
#endif
  return true;
}

PeerKind eigen_kind() {
  if (native::kEigenVersion == nullptr) {
    return {"Eigen", std::nullopt, "libeigen3-dev, configure again", {}};
  }
  if (!native_runs_here()) return {"Eigen", std::nullopt, kOtherCpu, {}};
  return {"Eigen", native::kEigenVersion, "", {[](const Problem& problem) {
            return make_native("Eigen", native::make_eigen, problem);
          }}};
}

PeerKind plain_kind() {
  if (!native_runs_here()) return {"plain C++", std::nullopt, kOtherCpu, {}};
  return {"plain C++", "of 4 networks", "", {[](const Problem& problem) {
            return make_native("plain C++", native::make_plain, problem);
          }}};
}

}  // namespace mlpjit::bench
