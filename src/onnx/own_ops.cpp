// Ops of mlpjit's own domain: what export_onnx() writes where ONNX has no op of the same bits. The
// file has a body for each, for other runtimes; here they are the ops themselves.

#include <charconv>

#include "mlpjit/create.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

// Numbers stand as decimals that read back to the same bits.
double decimal(const Call& call, const char* name) {
  const std::string text = call.s(name, "");
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    call.fail(std::string("its attribute '") + name + "' is no number");
  return value;
}

Axes axes_of(const Call& call) {
  const std::vector<std::int64_t> axes = call.ints("axes");
  return {axes.begin(), axes.end()};
}

template <class F>
Definition of_operand(F f) {
  return [f](const Call& call) { return one(f(call.x(0))); };
}
template <class F>
Definition of_operands(F f) {
  return [f](const Call& call) { return one(f(call.x(0), call.x(1))); };
}

}  // namespace

std::vector<OpDefinition> own_ops() {
  return {
      {"dense",
       [](const Call& call) {
         return one(call.has(2) ? dense(call.x(0), call.x(1), call.x(2))
                                : dense(call.x(0), call.x(1)));
       }},
      {"matmul", of_operands([](auto a, auto b) { return matmul(a, b); })},
      {"pow", of_operands([](auto a, auto b) { return pow(a, b); })},
      {"floor_divide", of_operands([](auto a, auto b) { return floor_divide(a, b); })},
      {"remainder", of_operands([](auto a, auto b) { return remainder(a, b); })},
      {"rsqrt", of_operand([](auto x) { return rsqrt(x); })},
      {"expm1", of_operand([](auto x) { return expm1(x); })},
      {"log1p", of_operand([](auto x) { return log1p(x); })},
      {"silu", of_operand([](auto x) { return silu(x); })},
      {"clip", [](const Call& call) { return one(clip(call.x(0), call.x(1), call.x(2))); }},
      {"hardtanh",
       [](const Call& call) {
         return one(hardtanh(call.x(0), decimal(call, "min"), decimal(call, "max")));
       }},
      {"leaky_relu",
       [](const Call& call) { return one(leaky_relu(call.x(0), decimal(call, "alpha"))); }},
      {"elu", [](const Call& call) { return one(elu(call.x(0), decimal(call, "alpha"))); }},
      {"layer_norm",
       [](const Call& call) {
         return one(layer_norm(call.x(0), call.x(1), call.x(2), decimal(call, "epsilon")));
       }},
      {"var",
       [](const Call& call) {
         return one(var(call.x(0), axes_of(call), call.i("keepdims", 0) != 0));
       }},
      {"gather",
       [](const Call& call) {
         return one(gather(call.x(0), call.x(1), static_cast<int>(call.i("axis", 0))));
       }},
      {"one_hot",
       [](const Call& call) {
         const DType dtype =
             call.importer().dtype_of(static_cast<DataType>(call.i("dtype", 1)), "one_hot");
         return one(one_hot(call.x(0), call.i("depth", 1), dtype));
       }},
  };
}

}  // namespace mlpjit::onnx
