// Plain C++: loops over sizes that are known when they are compiled, as a user writes them who has
// one small network. Compiled with -ffast-math, which lets the compiler call vectors of tanh.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tools/mlpjit-bench/peers/native.h"

namespace mlpjit::bench::native {
namespace {

template <std::size_t kInputs, std::size_t kOutputs>
struct PlainLayer {
  alignas(64) float weight[kInputs][kOutputs];
  alignas(64) float bias[kOutputs];

  void load(const Layer& layer) {
    for (std::size_t n = 0; n < kOutputs; ++n) {
      for (std::size_t k = 0; k < kInputs; ++k) weight[k][n] = layer.weight[n * kInputs + k];
      bias[n] = layer.bias[n];
    }
  }
  // The inputs outside: the sums stay in registers, and no sum is over a vector.
  void operator()(const float* x, float* y) const {
    float sums[kOutputs];
    for (std::size_t n = 0; n < kOutputs; ++n) sums[n] = bias[n];
    for (std::size_t k = 0; k < kInputs; ++k) {
      for (std::size_t n = 0; n < kOutputs; ++n) sums[n] += x[k] * weight[k][n];
    }
    for (std::size_t n = 0; n < kOutputs; ++n) y[n] = sums[n];
  }
};

struct Tanh {
  static constexpr Activation kKind = Activation::tanh;
  static float of(float v) { return tanhf(v); }
};
struct Relu {
  static constexpr Activation kKind = Activation::relu;
  static float of(float v) { return v > 0 ? v : 0; }
};

// A layer and what follows it.
template <class Function, std::size_t kInputs, std::size_t kOutputs, std::size_t... kRest>
struct Chain {
  PlainLayer<kInputs, kOutputs> layer;
  Chain<Function, kOutputs, kRest...> rest;

  void load(const Layer* layers) {
    layer.load(layers[0]);
    rest.load(layers + 1);
  }
  void operator()(const float* x, float* y) const {
    alignas(64) float hidden[kOutputs];
    layer(x, hidden);
    for (float& v : hidden) v = Function::of(v);
    rest(hidden, y);
  }
};
template <class Function, std::size_t kInputs, std::size_t kOutputs>
struct Chain<Function, kInputs, kOutputs> {
  PlainLayer<kInputs, kOutputs> layer;

  void load(const Layer* layers) { layer.load(layers[0]); }
  void operator()(const float* x, float* y) const { layer(x, y); }
};

template <class Function, std::size_t... kSizes>
class PlainRunner final : public Runner {
 public:
  // Null where the network is another one.
  static Runner* make(const Network& network) {
    constexpr std::size_t kWanted[] = {kSizes...};
    if (network.batch != 1 || network.activation != Function::kKind) return nullptr;
    if (network.count + 1 != sizeof...(kSizes)) return nullptr;
    for (std::size_t i = 0; i < network.count; ++i) {
      const Layer& layer = network.layers[i];
      if (static_cast<std::size_t>(layer.inputs) != kWanted[i] ||
          static_cast<std::size_t>(layer.outputs) != kWanted[i + 1])
        return nullptr;
    }
    return new PlainRunner(network);
  }
  void run(const float* input, float* output) override {
    asm volatile("" : : "r"(&chain_) : "memory");  // weights that the compiler knows nothing of
    chain_(input, output);
  }

 private:
  explicit PlainRunner(const Network& network) { chain_.load(network.layers); }
  Chain<Function, kSizes...> chain_;
};

constexpr Runner* (*kMakers[])(const Network&) = {
    PlainRunner<Tanh, 1, 16, 16, 1>::make,
    PlainRunner<Tanh, 24, 32, 32, 1>::make,
    PlainRunner<Tanh, 27, 64, 64, 6>::make,
    PlainRunner<Relu, 32, 64, 64, 64, 64, 16>::make,
};

}  // namespace

Runner* make_plain(const Network& network) {
  for (const auto make : kMakers) {
    if (Runner* runner = make(network)) return runner;
  }
  return nullptr;
}

}  // namespace mlpjit::bench::native
