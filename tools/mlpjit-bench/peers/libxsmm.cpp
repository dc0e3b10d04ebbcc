// LIBXSMM: one kernel made for the sizes of each layer, and the activation as a loop.
#include "tools/mlpjit-bench/peers/kinds.h"

#ifdef MLPJIT_BENCH_LIBXSMM
#include <libxsmm.h>

#include <algorithm>

#include "tools/mlpjit-bench/peers/native.h"

namespace mlpjit::bench {
namespace {

class Libxsmm final : public PreparedPeer {
 public:
  // Null where a size has no kernel.
  static std::unique_ptr<Peer> make(const Problem& problem) {
    std::unique_ptr<Libxsmm> peer(new Libxsmm(problem));
    for (const Step& step : peer->steps_) {
      if (step.kernel == nullptr) return nullptr;
    }
    return peer;
  }

  void run() override {
    for (const Step& s : steps_) {
      for (std::int64_t row = 0; row < problem().batch; ++row)
        std::copy_n(s.bias, s.outputs, s.out + row * s.outputs);
      s.kernel(s.weight, s.in, s.out);
      native::activate(s.activation, s.out, static_cast<std::size_t>(problem().batch * s.outputs));
    }
  }

 private:
  struct Step {
    libxsmm_smmfunction kernel;
    std::int64_t outputs;
    const float *weight, *bias;
    Activation activation;
    const float* in;
    float* out;
  };

  // Its matrices are by columns: rows of the batch are columns, [k, n] by rows is [n, k].
  explicit Libxsmm(const Problem& given) : PreparedPeer("LIBXSMM", given) {
    const float* in = x();
    for (const DenseLayer& layer : problem().layers) {
      const bool last = &layer == &problem().layers.back();
      weights_.push_back(transposed(layer));
      hidden_.emplace_back(last ? 0 : static_cast<std::size_t>(given.batch * layer.outputs));
      float* out = last ? y() : hidden_.back().data();
      const auto m = static_cast<libxsmm_blasint>(layer.outputs);
      const auto k = static_cast<libxsmm_blasint>(layer.inputs);
      const float one = 1;
      steps_.push_back({libxsmm_smmdispatch(m, static_cast<libxsmm_blasint>(given.batch), k, &m, &k,
                                            &m, &one, &one, nullptr, nullptr),
                        layer.outputs, weights_.back().data(), layer.bias.data<float>().data(),
                        layer.activation, in, out});
      in = out;
    }
  }
  static std::vector<float> transposed(const DenseLayer& layer) {
    const std::span<const float> from = layer.weight.data<float>();
    std::vector<float> to(from.size());
    for (std::int64_t n = 0; n < layer.outputs; ++n) {
      for (std::int64_t k = 0; k < layer.inputs; ++k)
        to[k * layer.outputs + n] = from[n * layer.inputs + k];
    }
    return to;
  }

  std::vector<std::vector<float>> weights_, hidden_;
  std::vector<Step> steps_;
};

}  // namespace

PeerKind libxsmm_kind() {
  if (!native_runs_here()) return {"LIBXSMM", std::nullopt, "build the tool on this CPU", {}};
  return {"LIBXSMM", LIBXSMM_VERSION, "", {Libxsmm::make}};
}

}  // namespace mlpjit::bench
#else
namespace mlpjit::bench {

PeerKind libxsmm_kind() {
  return {"LIBXSMM", std::nullopt, "libxsmm-dev, configure again", {}};
}

}  // namespace mlpjit::bench
#endif
