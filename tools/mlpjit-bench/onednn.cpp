// oneDNN as a peer: a chain of primitives with prepacked weights and fused activations, once as
// matmul and once as inner_product, whichever is quicker being the fair comparison. One thread.
#ifdef MLPJIT_BENCH_ONEDNN

#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <unordered_map>

#include "tools/mlpjit-bench/network.h"

namespace mlpjit::bench {
namespace {

using dnnl::algorithm;
using dnnl::memory;

struct Eltwise {
  algorithm kind;
  float alpha;
};

// The activation as oneDNN's, or nothing when it has none like it.
std::optional<Eltwise> eltwise(const std::string& activation) {
  if (activation == "relu") return Eltwise{algorithm::eltwise_relu, 0.f};
  if (activation == "tanh") return Eltwise{algorithm::eltwise_tanh, 0.f};
  if (activation == "sigmoid") return Eltwise{algorithm::eltwise_logistic, 0.f};
  if (activation == "elu") return Eltwise{algorithm::eltwise_elu, 1.f};
  if (activation == "gelu") return Eltwise{algorithm::eltwise_gelu_erf, 0.f};
  if (activation == "silu") return Eltwise{algorithm::eltwise_swish, 1.f};
  return std::nullopt;
}

dnnl::primitive_attr attributes(const std::optional<Eltwise>& activation) {
  dnnl::primitive_attr attr;
  if (activation) {
    dnnl::post_ops ops;
#if DNNL_VERSION_MAJOR >= 3
    ops.append_eltwise(activation->kind, activation->alpha, 0.f);
#else
    ops.append_eltwise(1.f, activation->kind, activation->alpha, 0.f);
#endif
    attr.set_post_ops(ops);
  }
  return attr;
}

enum class Form { matmul, inner_product };

#if DNNL_VERSION_MAJOR >= 3
dnnl::matmul::primitive_desc matmul_desc(const dnnl::engine& engine, const memory::desc& x,
                                         const memory::desc& w, const memory::desc& b,
                                         const memory::desc& y, const dnnl::primitive_attr& attr) {
  return {engine, x, w, b, y, attr};
}
dnnl::inner_product_forward::primitive_desc inner_desc(const dnnl::engine& engine,
                                                       const memory::desc& x, const memory::desc& w,
                                                       const memory::desc& b, const memory::desc& y,
                                                       const dnnl::primitive_attr& attr) {
  return {engine, dnnl::prop_kind::forward_inference, x, w, b, y, attr};
}
#else
dnnl::matmul::primitive_desc matmul_desc(const dnnl::engine& engine, const memory::desc& x,
                                         const memory::desc& w, const memory::desc& b,
                                         const memory::desc& y, const dnnl::primitive_attr& attr) {
  return {dnnl::matmul::desc(x, w, b, y), attr, engine};
}
dnnl::inner_product_forward::primitive_desc inner_desc(const dnnl::engine& engine,
                                                       const memory::desc& x, const memory::desc& w,
                                                       const memory::desc& b, const memory::desc& y,
                                                       const dnnl::primitive_attr& attr) {
  return {dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_inference, x, w, b, y), attr,
          engine};
}
#endif

class OneDnn : public Peer {
 public:
  OneDnn(Form form, const NetworkSpec& spec, const nn::HybridSequential& net, const Tensor& input)
      : form_(form), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), input_(input) {
    const std::int64_t batch = input.shape()[0];
    output_ = zeros({batch, spec.sizes.back()});
    memory current({{batch, spec.sizes[0]}, memory::data_type::f32, memory::format_tag::ab},
                   engine_, const_cast<float*>(input_.data<float>().data()));
    auto parameters = net.collect_params();
    for (std::size_t i = 1; i < spec.sizes.size(); ++i) {
      const std::string layer = std::to_string(i - 1);
      const bool last = i + 1 == spec.sizes.size();
      weights_.push_back(parameters[layer + ".weight"].data().copy());
      weights_.push_back(parameters[layer + ".bias"].data().copy());
      const auto activation =
          last || spec.activation == "none" ? std::nullopt : eltwise(spec.activation);
      current = add_layer(current, batch, spec.sizes[i - 1], spec.sizes[i], activation, last);
    }
    stream_.wait();
  }
  std::string name() const override {
    return form_ == Form::matmul ? "oneDNN matmul" : "oneDNN inner_product";
  }
  void run() override {
    for (auto& layer : layers_) layer.primitive.execute(stream_, layer.arguments);
    stream_.wait();
  }
  Tensor output() const override { return output_; }

 private:
  struct Layer {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
  };

  memory add_layer(const memory& input, std::int64_t m, std::int64_t k, std::int64_t n,
                   const std::optional<Eltwise>& activation, bool last) {
    const auto f32 = memory::data_type::f32;
    float* weight = weights_[weights_.size() - 2].mutable_data<float>().data();
    float* bias = weights_.back().mutable_data<float>().data();
    const memory::desc plain_out({m, n}, f32, memory::format_tag::ab);
    const memory::desc any_out({m, n}, f32, memory::format_tag::any);
    const memory::desc out = last ? plain_out : form_ == Form::matmul ? plain_out : any_out;
    if (form_ == Form::matmul) {
      const auto desc =
          matmul_desc(engine_, input.get_desc(), {{k, n}, f32, memory::format_tag::any},
                      {{1, n}, f32, memory::format_tag::ab}, out, attributes(activation));
      const memory user({{k, n}, f32, memory::format_tag::ba}, engine_, weight);
      return finish(dnnl::matmul(desc), desc.weights_desc(), desc.dst_desc(), user,
                    memory({{1, n}, f32, memory::format_tag::ab}, engine_, bias), input, last);
    }
    const auto desc = inner_desc(engine_, input.get_desc(), {{n, k}, f32, memory::format_tag::any},
                                 {{n}, f32, memory::format_tag::a}, out, attributes(activation));
    const memory user({{n, k}, f32, memory::format_tag::ab}, engine_, weight);
    return finish(dnnl::inner_product_forward(desc), desc.weights_desc(), desc.dst_desc(), user,
                  memory({{n}, f32, memory::format_tag::a}, engine_, bias), input, last);
  }

  memory finish(dnnl::primitive primitive, const memory::desc& packed, const memory::desc& out,
                memory user, const memory& bias, const memory& input, bool last) {
    memory weight(packed, engine_);
    dnnl::reorder(user, weight).execute(stream_, user, weight);
    memory result =
        last ? memory(out, engine_, output_.mutable_data<float>().data()) : memory(out, engine_);
    layers_.push_back({std::move(primitive),
                       {{DNNL_ARG_SRC, input},
                        {DNNL_ARG_WEIGHTS, weight},
                        {DNNL_ARG_BIAS, bias},
                        {DNNL_ARG_DST, result}}});
    return result;
  }

  Form form_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  Tensor input_, output_;
  std::vector<Tensor> weights_;
  std::vector<Layer> layers_;
};

}  // namespace

std::vector<std::unique_ptr<Peer>> make_peers(const NetworkSpec& spec,
                                              const nn::HybridSequential& net,
                                              const Tensor& input) {
  std::vector<std::unique_ptr<Peer>> peers;
  if (spec.dtype != DType::f32 || input.size() == 0) return peers;
  const bool activated = spec.sizes.size() > 2 && spec.activation != "none";
  if (activated && !eltwise(spec.activation)) return peers;
  omp_set_num_threads(1);
  for (Form form : {Form::matmul, Form::inner_product}) {
    try {
      peers.push_back(std::make_unique<OneDnn>(form, spec, net, input));
    } catch (const dnnl::error&) {
      continue;  // a shape that this form of oneDNN does not take
    }
  }
  return peers;
}

std::string peers_text() {
  const dnnl_version_t* v = dnnl_version();
  return "peers: oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
         std::to_string(v->patch) + ", one thread";
}

}  // namespace mlpjit::bench
#endif
