#include "tools/mlpjit-bench/network.h"

#include <cmath>

namespace mlpjit::bench {

nn::HybridSequential make_network(const NetworkSpec& spec) {
  nn::HybridSequential net = tools::make_network(spec, nn::Zeros());
  random::seed(7);
  for (auto& [path, parameter] : net.collect_params()) {
    const bool bias = parameter.shape().rank() == 1;
    const double scale =
        bias ? 0.1 : 1 / std::sqrt(std::max<double>(1, parameter.shape()[1].value()));
    parameter.set_data(cast(random::normal(parameter.shape()) * scale, spec.dtype));
  }
  return net;
}

Tensor make_input(const NetworkSpec& spec, std::int64_t batch) {
  random::seed(11);
  return cast(random::normal({batch, spec.sizes.front()}), spec.dtype);
}

double flops(const NetworkSpec& spec, std::int64_t batch) {
  double total = 0;
  for (std::size_t i = 1; i < spec.sizes.size(); ++i) {
    total += 2.0 * static_cast<double>(batch * spec.sizes[i - 1] * spec.sizes[i]);
  }
  return total;
}

}  // namespace mlpjit::bench
