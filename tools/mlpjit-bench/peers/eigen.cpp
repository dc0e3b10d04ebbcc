// Eigen: a product, a bias and an array function for each layer, as its documentation writes them.
#include "tools/mlpjit-bench/peers/native.h"

#ifdef MLPJIT_BENCH_EIGEN
// The target has OpenMP for another peer.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>
#include <unsupported/Eigen/SpecialFunctions>
#include <vector>

namespace mlpjit::bench::native {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class Values>
void activate_in_place(Activation activation, Values& values) {
  auto v = values.array();
  switch (activation) {
    case Activation::none: return;
    case Activation::relu: v = v.cwiseMax(0.f); return;
    case Activation::tanh: v = v.tanh(); return;
    case Activation::sigmoid: v = v.logistic(); return;
    case Activation::elu: v = (v > 0.f).select(v, v.exp() - 1.f); return;
    case Activation::gelu: v = v * 0.5f * (1.f + (v * 0.70710678f).erf()); return;
    case Activation::silu: v = v * v.logistic(); return;
  }
}

// Columns are the rows of the batch. A vector type for one of them: it takes other kernels.
template <class Values>
class EigenRunner final : public Runner {
 public:
  explicit EigenRunner(const Network& network)
      : activation_(network.activation), batch_(network.batch) {
    for (std::size_t i = 0; i < network.count; ++i) {
      const Layer& layer = network.layers[i];
      layers_.push_back({Eigen::Map<const RowMajor>(layer.weight, layer.outputs, layer.inputs),
                         Eigen::Map<const Eigen::VectorXf>(layer.bias, layer.outputs),
                         Values(layer.outputs, network.batch)});
    }
  }

  void run(const float* input, float* output) override {
    const Eigen::Map<const Values> x(input, layers_.front().weight.cols(), batch_);
    Eigen::Map<Values> y(output, layers_.back().weight.rows(), batch_);
    if (layers_.size() == 1) return product(layers_[0], x, y);
    product(layers_[0], x, layers_[0].result);
    for (std::size_t i = 1; i + 1 < layers_.size(); ++i) {
      activate_in_place(activation_, layers_[i - 1].result);
      product(layers_[i], layers_[i - 1].result, layers_[i].result);
    }
    activate_in_place(activation_, layers_[layers_.size() - 2].result);
    product(layers_.back(), layers_[layers_.size() - 2].result, y);
  }

 private:
  struct Own {
    RowMajor weight;
    Eigen::VectorXf bias;
    Values result;
  };

  template <class X, class Y>
  static void product(const Own& layer, const X& x, Y& y) {
    y.noalias() = layer.weight * x;
    y.colwise() += layer.bias;
  }

  std::vector<Own> layers_;
  Activation activation_;
  Eigen::Index batch_;
};

#define MLPJIT_TEXT_OF(x) #x
#define MLPJIT_TEXT(x) MLPJIT_TEXT_OF(x)

}  // namespace

const char* const kEigenVersion = MLPJIT_TEXT(EIGEN_WORLD_VERSION) "." MLPJIT_TEXT(
    EIGEN_MAJOR_VERSION) "." MLPJIT_TEXT(EIGEN_MINOR_VERSION);

Runner* make_eigen(const Network& network) {
  if (network.batch == 1) return new EigenRunner<Eigen::VectorXf>(network);
  return new EigenRunner<Eigen::MatrixXf>(network);
}

}  // namespace mlpjit::bench::native
#else
namespace mlpjit::bench::native {

const char* const kEigenVersion = nullptr;
Runner* make_eigen(const Network&) {
  return nullptr;
}

}  // namespace mlpjit::bench::native
#endif
