// Ops that ONNX Runtime writes into models that it has optimised: domain com.microsoft.

#include <fmt/format.h>

#include <map>

#include "mlpjit/create.h"
#include "src/onnx/call.h"

namespace mlpjit::onnx {
namespace {

// What ONNX's op of that name gives.
Tensor as_onnx(const Call& call, const char* name) {
  return tensor_in(call, (*find_definition("", name))(call).at(0));
}

Tensor quick_gelu(const Tensor& x, double alpha) {
  return x * sigmoid(alpha == 1 ? x : x * number(alpha, x));
}

// A Gemm and the activation behind it.
Values fused_gemm(const Call& call) {
  const Tensor x = as_onnx(call, "Gemm");
  const std::string activation = call.s("activation", "");
  const double alpha = call.f("activation_alpha", activation == "LeakyRelu" ? 0.01 : 1.0);
  if (activation.empty()) return one(x);
  if (activation == "Relu") return one(relu(x));
  if (activation == "LeakyRelu") return one(leaky_relu(x, alpha));
  if (activation == "Tanh") return one(tanh(x));
  if (activation == "Sigmoid") return one(sigmoid(x));
  if (activation == "Softplus") return one(softplus(x));
  if (activation == "Elu") return one(elu(x, alpha));
  if (activation == "Softsign") return one(x / (number(1, x) + abs(x)));
  call.unsupported(fmt::format("the activation {}", activation));
}

Tensor last_two_turned(const Tensor& x) {
  std::vector<int> order;
  for (int axis = 0; axis < x.rank(); ++axis) order.push_back(axis);
  if (order.size() >= 2) std::swap(order[order.size() - 1], order[order.size() - 2]);
  return transpose(x, order);
}

// alpha * A' @ B'.
Values fused_matmul(const Call& call) {
  if (call.i("transBatchA", 0) != 0 || call.i("transBatchB", 0) != 0)
    call.unsupported("axes of the batch that are turned");
  const Tensor a = call.i("transA", 0) != 0 ? last_two_turned(call.x(0)) : call.x(0);
  const Tensor b = call.i("transB", 0) != 0 ? last_two_turned(call.x(1)) : call.x(1);
  const Tensor product = matmul(a, b);
  const double alpha = call.f("alpha", 1);
  return one(alpha == 1 ? product : product * number(alpha, product));
}

// Input `bias`, where it is given, added.
Tensor with(const Call& call, const Tensor& x, std::size_t bias) {
  return call.has(bias) ? x + call.x(bias) : x;
}

// A sum of two, and perhaps a bias, normalised. The fourth result is the sum.
Values skip_normalization(const Call& call, bool centred) {
  const Tensor sum = with(call, call.x(0) + call.x(1), centred ? 4 : 3);
  const double epsilon = call.f("epsilon", 1e-12);
  const Tensor x = centred ? sum - mean(sum, {-1}, true) : sum;
  const Tensor size = sqrt(mean(x * x, {-1}, true) + number(epsilon, x));
  Tensor y = x / size * call.x(2);
  if (centred) y = with(call, y, 3);
  return {computed(y), Value(), Value(), computed(sum)};
}

}  // namespace

std::vector<OpDefinition> fused_ops() {
  return {
      {"FusedGemm", fused_gemm},
      {"FusedMatMul", fused_matmul},
      {"Gelu", [](const Call& c) { return one(gelu(c.x(0))); }},
      {"BiasGelu", [](const Call& c) { return one(gelu(c.x(0) + c.x(1))); }},
      {"FastGelu",
       [](const Call& c) { return one(gelu(with(c, c.x(0), 1), {.approximate = true})); }},
      {"QuickGelu", [](const Call& c) { return one(quick_gelu(c.x(0), c.f("alpha", 1.702))); }},
      {"SkipLayerNormalization", [](const Call& c) { return skip_normalization(c, true); }},
      {"SkipSimplifiedLayerNormalization",
       [](const Call& c) { return skip_normalization(c, false); }},
  };
}

}  // namespace mlpjit::onnx
