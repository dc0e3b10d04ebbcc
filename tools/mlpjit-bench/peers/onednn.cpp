// oneDNN as a peer: a chain of primitives with prepacked weights and fused activations, once as
// matmul and once as inner_product, whichever is quicker being the fair comparison. One thread.
#include "tools/mlpjit-bench/peers/kinds.h"

#ifdef MLPJIT_BENCH_ONEDNN
#include <fmt/format.h>
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

namespace mlpjit::bench {
namespace {

using dnnl::algorithm;
using dnnl::memory;

struct Eltwise {
  algorithm kind;
  float alpha;
};

// Nothing where there is none.
std::optional<Eltwise> eltwise(Activation activation) {
  switch (activation) {
    case Activation::none: return std::nullopt;
    case Activation::relu: return Eltwise{algorithm::eltwise_relu, 0.f};
    case Activation::tanh: return Eltwise{algorithm::eltwise_tanh, 0.f};
    case Activation::sigmoid: return Eltwise{algorithm::eltwise_logistic, 0.f};
    case Activation::elu: return Eltwise{algorithm::eltwise_elu, 1.f};
    case Activation::gelu: return Eltwise{algorithm::eltwise_gelu_erf, 0.f};
    case Activation::silu: return Eltwise{algorithm::eltwise_swish, 1.f};
  }
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

class OneDnn final : public PreparedPeer {
 public:
  OneDnn(Form form, const Problem& given)
      : PreparedPeer(form == Form::matmul ? "oneDNN matmul" : "oneDNN inner_product", given),
        form_(form),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_) {
    memory current(
        {{given.batch, given.layers[0].inputs}, memory::data_type::f32, memory::format_tag::ab},
        engine_, const_cast<float*>(x()));
    for (const DenseLayer& layer : problem().layers)
      current = add_layer(current, layer, &layer == &problem().layers.back());
    stream_.wait();
  }
  void run() override {
    for (auto& layer : layers_) layer.primitive.execute(stream_, layer.arguments);
    stream_.wait();
  }

 private:
  struct Layer {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
  };

  memory add_layer(const memory& input, const DenseLayer& layer, bool last) {
    const auto f32 = memory::data_type::f32;
    const std::int64_t m = problem().batch, k = layer.inputs, n = layer.outputs;
    const std::optional<Eltwise> activation = eltwise(layer.activation);
    auto* weight = const_cast<float*>(layer.weight.data<float>().data());
    auto* bias = const_cast<float*>(layer.bias.data<float>().data());
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
    memory result = last ? memory(out, engine_, y()) : memory(out, engine_);
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
  std::vector<Layer> layers_;
};

template <Form form>
std::unique_ptr<Peer> make_onednn(const Problem& problem) {
  omp_set_num_threads(1);
  try {
    return std::make_unique<OneDnn>(form, problem);
  } catch (const dnnl::error&) {
    return nullptr;  // a shape that this form of oneDNN does not take
  }
}

}  // namespace

PeerKind onednn_kind() {
  const dnnl_version_t* v = dnnl_version();
  return {"oneDNN",
          fmt::format("{}.{}.{}", v->major, v->minor, v->patch),
          "",
          {make_onednn<Form::matmul>, make_onednn<Form::inner_product>}};
}

}  // namespace mlpjit::bench
#else
namespace mlpjit::bench {

PeerKind onednn_kind() {
  return {"oneDNN", std::nullopt, "libdnnl-dev, configure again", {}};
}

}  // namespace mlpjit::bench
#endif
