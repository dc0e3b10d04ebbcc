// oneDNN's primitives for what is no network. One thread.
#include "tools/mlpjit-bench/peers/kernel_peers.h"

#ifdef MLPJIT_BENCH_ONEDNN
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

namespace mlpjit::bench {
namespace {

using dnnl::memory;
using native::Kernel;

class OneDnnKernel final : public Peer {
 public:
  explicit OneDnnKernel(const KernelProblem& problem)
      : problem_(problem),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        output_(zeros(problem.result)) {
    primitive_ = make();
    arguments_.emplace(DNNL_ARG_DST, place(output_desc_, output_.mutable_data<float>().data()));
  }
  std::string name() const override { return "oneDNN"; }
  void run() override {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  Tensor output() const override { return output_; }

 private:
  static memory::desc row_major(const memory::dims& sizes) {
    memory::dims strides(sizes.size(), 1);
    for (std::size_t i = sizes.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * sizes[i];
    return {sizes, memory::data_type::f32, strides};
  }
  memory place(const memory::desc& desc, const float* data) {
    return {desc, engine_, const_cast<float*>(data)};
  }
  memory::desc input(int argument, std::size_t number, const memory::dims& sizes) {
    const memory::desc desc = row_major(sizes);
    arguments_.emplace(argument, place(desc, problem_.inputs[number].data<float>().data()));
    return desc;
  }

  dnnl::primitive make() {
    const std::vector<std::int64_t>& sizes = problem_.sizes;
    switch (problem_.kernel) {
      case Kernel::add: return make_add({sizes[0]});
      case Kernel::softmax: return make_softmax({sizes[0], sizes[1]});
      case Kernel::layer_norm: return make_layer_norm({sizes[0], sizes[1]});
      case Kernel::matmul:
        return make_matmul({sizes[0], sizes[1], sizes[3]}, {sizes[0], sizes[3], sizes[2]},
                           {sizes[0], sizes[1], sizes[2]});
      case Kernel::vector: return make_matmul({sizes[0], sizes[1]}, {sizes[1], 1}, {sizes[0], 1});
      default: break;
    }
    throw UserError("oneDNN has no such primitive");
  }

#if DNNL_VERSION_MAJOR >= 3
  dnnl::primitive make_add(const memory::dims& sizes) {
    const auto x = input(DNNL_ARG_SRC_0, 0, sizes), y = input(DNNL_ARG_SRC_1, 1, sizes);
    output_desc_ = x;
    return dnnl::binary({engine_, dnnl::algorithm::binary_add, x, y, x});
  }
  dnnl::primitive make_softmax(const memory::dims& sizes) {
    const auto x = input(DNNL_ARG_SRC, 0, sizes);
    output_desc_ = x;
    return dnnl::softmax_forward(
        {engine_, dnnl::prop_kind::forward_inference, dnnl::algorithm::softmax_accurate, x, x, 1});
  }
  dnnl::primitive make_layer_norm(const memory::dims& sizes) {
    const auto x = input(DNNL_ARG_SRC, 0, sizes);
    input(DNNL_ARG_SCALE, 1, {sizes[1]});
    input(DNNL_ARG_SHIFT, 2, {sizes[1]});
    output_desc_ = x;
    return dnnl::layer_normalization_forward(
        {engine_, dnnl::prop_kind::forward_inference, x, x, 1e-5f,
         dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift});
  }
  dnnl::primitive make_matmul(const memory::dims& a, const memory::dims& b, const memory::dims& c) {
    output_desc_ = row_major(c);
    const auto x = input(DNNL_ARG_SRC, 0, a), w = input(DNNL_ARG_WEIGHTS, 1, b);
    return dnnl::matmul({engine_, x, w, output_desc_});
  }
#else
  dnnl::primitive make_add(const memory::dims& sizes) {
    const auto x = input(DNNL_ARG_SRC_0, 0, sizes), y = input(DNNL_ARG_SRC_1, 1, sizes);
    output_desc_ = x;
    return dnnl::binary({{dnnl::algorithm::binary_add, x, y, x}, engine_});
  }
  dnnl::primitive make_softmax(const memory::dims& sizes) {
    const auto x = input(DNNL_ARG_SRC, 0, sizes);
    output_desc_ = x;
    return dnnl::softmax_forward({{dnnl::prop_kind::forward_inference, x, 1}, engine_});
  }
  dnnl::primitive make_layer_norm(const memory::dims& sizes) {
    const auto x = input(DNNL_ARG_SRC, 0, sizes);
    input(DNNL_ARG_SCALE, 1, {sizes[1]});
    input(DNNL_ARG_SHIFT, 2, {sizes[1]});
    output_desc_ = x;
    const auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
    return dnnl::layer_normalization_forward(
        {{dnnl::prop_kind::forward_inference, x, 1e-5f, flags}, engine_});
  }
  dnnl::primitive make_matmul(const memory::dims& a, const memory::dims& b, const memory::dims& c) {
    output_desc_ = row_major(c);
    const auto x = input(DNNL_ARG_SRC, 0, a), w = input(DNNL_ARG_WEIGHTS, 1, b);
    return dnnl::matmul({{x, w, output_desc_}, engine_});
  }
#endif

  const KernelProblem problem_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  Tensor output_;
  memory::desc output_desc_;
  dnnl::primitive primitive_;
  std::unordered_map<int, memory> arguments_;
};

}  // namespace

std::unique_ptr<Peer> make_onednn_kernel(const KernelProblem& problem) {
  omp_set_num_threads(1);
  const bool has = problem.kernel != Kernel::multiply_add &&
                   problem.kernel != Kernel::activations && problem.kernel != Kernel::sum_rows &&
                   problem.kernel != Kernel::sum_columns;
  return has ? std::make_unique<OneDnnKernel>(problem) : nullptr;
}

}  // namespace mlpjit::bench
#else
namespace mlpjit::bench {

std::unique_ptr<Peer> make_onednn_kernel(const KernelProblem&) {
  return nullptr;
}

}  // namespace mlpjit::bench
#endif
