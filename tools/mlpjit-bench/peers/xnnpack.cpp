// XNNPACK: an operator for each layer, its relu a bound of the results. Others it does not fuse.
#include "tools/mlpjit-bench/peers/kinds.h"

#ifdef MLPJIT_BENCH_XNNPACK
#include <xnnpack.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace mlpjit::bench {
namespace {

void check_xnnpack(xnn_status status) {
  if (status != xnn_status_success)
    throw std::runtime_error("status " + std::to_string(static_cast<int>(status)));
}

struct DeleteOperator {
  void operator()(xnn_operator_t op) const { xnn_delete_operator(op); }
};

class Xnnpack final : public PreparedPeer {
 public:
  explicit Xnnpack(const Problem& given) : PreparedPeer("XNNPACK", given) {
    const float* in = first_input();
    for (const DenseLayer& layer : problem().layers) {
      const bool last = &layer == &problem().layers.back();
      float* out = last ? y() : buffer(given.batch * layer.outputs);
      add(layer, in, out);
      in = out;
    }
  }
  void run() override {
    for (const auto& op : operators_) check_xnnpack(xnn_run_operator(op.get(), nullptr));
  }

 private:
  // What it reads has room behind it that it may read as well.
  float* buffer(std::int64_t size) {
    buffers_.emplace_back(static_cast<std::size_t>(size) + XNN_EXTRA_BYTES / sizeof(float));
    return buffers_.back().data();
  }
  const float* first_input() {
    const std::int64_t size = problem().batch * problem().layers[0].inputs;
    float* copy = buffer(size);
    std::copy_n(x(), size, copy);
    return copy;
  }
  void add(const DenseLayer& layer, const float* in, float* out) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const auto k = static_cast<std::size_t>(layer.inputs);
    const auto n = static_cast<std::size_t>(layer.outputs);
    xnn_operator_t op = nullptr;
    check_xnnpack(xnn_create_fully_connected_nc_f32(
        k, n, k, n, layer.weight.data<float>().data(), layer.bias.data<float>().data(),
        layer.activation == Activation::relu ? 0 : -kInfinity, kInfinity, 0, &op));
    operators_.emplace_back(op);
    check_xnnpack(xnn_setup_fully_connected_nc_f32(op, static_cast<std::size_t>(problem().batch),
                                                   in, out, nullptr));
  }

  std::vector<std::vector<float>> buffers_;
  std::vector<std::unique_ptr<xnn_operator, DeleteOperator>> operators_;
};

std::unique_ptr<Peer> make_xnnpack(const Problem& problem) {
  if (problem.activation != Activation::none && problem.activation != Activation::relu)
    return nullptr;
  check_xnnpack(xnn_initialize(nullptr));
  return std::make_unique<Xnnpack>(problem);
}

}  // namespace

// The library does not say its version.
PeerKind xnnpack_kind() {
  return {"XNNPACK", "", "", {make_xnnpack}};
}

}  // namespace mlpjit::bench
#else
namespace mlpjit::bench {

PeerKind xnnpack_kind() {
  return {"XNNPACK", std::nullopt, "libxnnpack-dev, configure again", {}};
}

}  // namespace mlpjit::bench
#endif
