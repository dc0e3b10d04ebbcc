// Element-wise ops of ONNX.

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "mlpjit/create.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

bool is_integer(const Tensor& x) {
  return x.dtype() == DType::i32 || x.dtype() == DType::i64;
}

// Two operands. Ops of ai.onnx.ml give f32 by their definition, where ours keep f64: a constant
// says what is meant.
std::pair<Tensor, Tensor> paired(const Call& call) {
  if (call.version() < 7 && call.has_attribute("axis"))
    call.unsupported("broadcasting from an axis: ONNX's version converter makes 7 of it");
  Tensor a = call.x(0), b = call.x(1);
  const auto narrow = [&](Tensor& x, std::size_t other) {
    if (x.dtype() == DType::f64 && call.is_constant(other) && call.x(other).dtype() == DType::f32)
      x = cast(x, DType::f32);
  };
  narrow(a, 1);
  narrow(b, 0);
  // Exporters of pipelines in f64 leave single columns in f32.
  if (a.dtype() == DType::f64 && b.dtype() == DType::f32) b = cast(b, DType::f64);
  if (b.dtype() == DType::f64 && a.dtype() == DType::f32) a = cast(a, DType::f64);
  return {a, b};
}

// x @ weight may yet take a bias, from either side of the sum.
std::optional<Tensor> with_bias(const Call& call) {
  for (const std::size_t i : {0U, 1U}) {
    const Value& product = call.value(i);
    const Value& bias = call.value(1 - i);
    if (!product.product || product.tensor.defined() || !bias.constant) continue;
    const Tensor& weight = product.product->weight;
    const Shape& shape = bias.tensor.shape();
    if (bias.tensor.size() != weight.shape()[0] || shape.rank() == 0 ||
        !identical(shape[-1], weight.shape()[0])) {
      continue;
    }
    if (shape.rank() > product.product->x.rank()) continue;
    const Tensor row =
        shape.rank() == 1 ? call.x(1 - i) : call.importer().reshaped(bias, {weight.shape()[0]});
    return dense(product.product->x, weight, row);
  }
  return std::nullopt;
}

Values add(const Call& call) {
  if (const std::optional<Tensor> sum = with_bias(call)) return one(*sum);
  const auto [a, b] = paired(call);
  return one(a + b);
}

// Towards zero, as C++ divides.
Values divide(const Call& call) {
  const auto [a, b] = paired(call);
  if (!is_integer(a)) return one(a / b);
  const Tensor quotient = floor_divide(a, b);
  const Tensor inexact = quotient * b != a;
  const Tensor negative = logical_xor(a < 0, b < 0);
  return one(quotient + cast(logical_and(inexact, negative), a.dtype()));
}

// Of the sign of the divisor, or with fmod of that of the dividend.
Values modulo(const Call& call) {
  const Tensor a = call.x(0), b = call.x(1);
  if (call.i("fmod", 0) == 0) return one(remainder(a, b));
  const Tensor size = remainder(abs(a), abs(b));
  return one(where(a < 0, -size, size));
}

Values power(const Call& call) {
  const Tensor x = call.x(0), exponent = call.x(1);
  if (x.dtype() == exponent.dtype()) {
    if (call.is_constant(1) && exponent.size() == 1 && !is_integer(x)) {
      const double e = call.number(1);
      if (e == 2.0 && exponent.rank() <= x.rank()) return one(x * x);
    }
    return one(pow(x, exponent));
  }
  if (!is_integer(x)) return one(pow(x, cast(exponent, x.dtype())));
  // An integer to a power that is none: calculated as floating point.
  return one(cast(pow(cast(x, DType::f64), cast(exponent, DType::f64)), x.dtype()));
}

// Of several operands, from the left.
template <class Combine>
Values folded(const Call& call, Combine combine) {
  Tensor result = call.x(0);
  for (std::size_t i = 1; i < call.count(); ++i) result = combine(result, call.x(i));
  return one(result);
}

Values mean_of_all(const Call& call) {
  const Tensor sum = folded(call, [](const Tensor& a, const Tensor& b) { return a + b; })[0].tensor;
  return one(sum / number(static_cast<double>(call.count()), sum));
}

Values clip_between(const Call& call) {
  Tensor x = call.x(0);
  if (call.version() < 11) {
    if (call.has_attribute("min")) x = maximum(x, number(call.f("min", 0), x));
    if (call.has_attribute("max")) x = minimum(x, number(call.f("max", 0), x));
    return one(x);
  }
  if (call.has(1)) x = maximum(x, call.x(1));
  if (call.has(2)) x = minimum(x, call.x(2));
  return one(x);
}

Tensor sinh_of(const Tensor& x) {
  // With e = expm1(|x|): (e + e / (e + 1)) / 2, which keeps small x, and large ones from overflow.
  const Tensor size = abs(x);
  const Tensor e = expm1(size);
  const Tensor half = number(0.5, x);
  const Tensor small = half * (e + e / (e + number(1, x)));
  const Tensor root = exp(half * size);
  const Tensor large = half * root * root;
  return sign(x) * where(size > number(x.dtype() == DType::f32 ? 80 : 700, x), large, small);
}

Tensor cosh_of(const Tensor& x) {
  const Tensor half = number(0.5, x);
  const Tensor root = exp(half * abs(x));
  return half * root * root + half / (root * root);
}

// What is left of a number in so few bits.
Value wrapped(const Tensor& x, DataType type) {
  const bool wide = type == DataType::u16 || type == DataType::i16;
  const bool is_signed = type == DataType::i8 || type == DataType::i16;
  const Tensor whole = cast(x, DType::i64);
  const Tensor count = full({}, wide ? 65536 : 256, DType::i64);
  const Tensor half = full({}, is_signed ? (wide ? 32768 : 128) : 0, DType::i64);
  Value value = computed(cast(remainder(whole + half, count) - half, DType::i32));
  value.is_small = true;
  return value;
}

// Of numbers, or of strings, whose codes are equal where they are.
Values equal_of(const Call& call) {
  if (call.value(0).is_text && call.value(1).is_text) {
    // All strings that the model does not know have one code.
    if (!call.is_constant(0) && !call.is_constant(1))
      call.unsupported("it compares strings that only a call knows");
    return one(call.codes(0) == call.codes(1));
  }
  const auto [a, b] = paired(call);
  return one(a == b);
}

Values where_of(const Call& call) {
  if (!call.value(1).is_text || !call.value(2).is_text) {
    Value value = computed(where(call.x(0), call.x(1), call.x(2)));
    value.is_small = call.value(1).is_small || call.value(2).is_small;
    return {value};
  }
  Value value = computed(where(call.x(0), call.codes(1), call.codes(2)));
  value.is_text = true;
  return {value};
}

Values bucketize(const Call& call) {
  const Tensor x = call.x(0);
  const std::vector<double> boundaries = call.floats("boundaries");
  const Tensor edges = call.importer().now([&] {
    Tensor made = zeros({static_cast<std::int64_t>(boundaries.size())}, DType::f64);
    std::copy(boundaries.begin(), boundaries.end(), made.mutable_data<double>().begin());
    return cast(made, x.dtype());
  });
  return one(cast(sum(cast(expand_dims(x, -1) >= edges, DType::i64), -1), DType::i32));
}

Values cast_to(const Call& call) {
  switch (static_cast<DataType>(call.i("to", 0))) {
    case DataType::f32: return one(cast(call.x(0), DType::f32));
    case DataType::f64: return one(cast(call.x(0), DType::f64));
    case DataType::i32: return one(cast(call.x(0), DType::i32));
    case DataType::i64: return one(cast(call.x(0), DType::i64));
    case DataType::boolean: return one(cast(call.x(0), DType::boolean));
    case DataType::u8:
    case DataType::i8:
    case DataType::u16:
    case DataType::i16: return {wrapped(call.x(0), static_cast<DataType>(call.i("to", 0)))};
    case DataType::string:
      if (call.value(0).is_text) return {call.value(0)};
      break;
    case DataType::f16:
    case DataType::bf16:
      if (call.importer().options().widen) return one(cast(call.x(0), DType::f32));
      break;
    default: break;
  }
  call.unsupported("it casts to " + to_string(static_cast<DataType>(call.i("to", 0))));
}

Values prelu(const Call& call) {
  const Tensor x = call.x(0);
  return one(where(x < number(0, x), x * call.x(1), x));
}

Values selu(const Call& call) {
  const Tensor x = call.x(0);
  const double alpha = call.f("alpha", 1.6732632423543772);
  return one(number(call.f("gamma", 1.0507009873554805), x) * elu(x, alpha));
}

Values celu(const Call& call) {
  const Tensor x = call.x(0);
  const double alpha = call.f("alpha", 1.0);
  const Tensor zero = number(0, x), a = number(alpha, x);
  return one(maximum(x, zero) + minimum(a * expm1(minimum(x, zero) / a), zero));
}

Values hard_sigmoid(const Call& call) {
  const Tensor x = call.x(0);
  return one(clip(x * number(call.f("alpha", 0.2), x) + number(call.f("beta", 0.5), x),
                  number(0, x), number(1, x)));
}

Values hard_swish(const Call& call) {
  const Tensor x = call.x(0);
  return one(x * clip(x * number(1.0 / 6, x) + number(0.5, x), number(0, x), number(1, x)));
}

Values thresholded_relu(const Call& call) {
  const Tensor x = call.x(0);
  return one(where(x > number(call.f("alpha", 1.0), x), x, number(0, x)));
}

Values shrink(const Call& call) {
  const Tensor x = call.x(0);
  const Tensor lambda = number(call.f("lambd", 0.5), x), bias = number(call.f("bias", 0), x);
  return one(where(x < -lambda, x + bias, where(x > lambda, x - bias, number(0, x))));
}

Values gelu_of(const Call& call) {
  return one(gelu(call.x(0), {.approximate = call.s("approximate", "none") == "tanh"}));
}

Values swish(const Call& call) {
  const Tensor x = call.x(0);
  const double alpha = call.f("alpha", 1.0);
  return one(alpha == 1.0 ? silu(x) : x * sigmoid(x * number(alpha, x)));
}

Values is_infinite(const Call& call) {
  const Tensor x = call.x(0);
  const Tensor infinity = number(std::numeric_limits<double>::infinity(), x);
  const bool positive = call.i("detect_positive", 1) != 0;
  const bool negative = call.i("detect_negative", 1) != 0;
  if (positive && negative) return one(abs(x) == infinity);
  if (positive) return one(x == infinity);
  if (negative) return one(x == -infinity);
  return one(zeros_like(x == x));
}

template <class F>
Definition of(F f) {
  return [f](const Call& call) { return one(f(call.x(0))); };
}
template <class F>
Definition of_two(F f) {
  return [f](const Call& call) {
    const auto [a, b] = paired(call);
    return one(f(a, b));
  };
}

Values copy_of(const Call& call) {
  return {call.value(0)};
}

std::vector<OpDefinition> arithmetic() {
  return {
      {"Add", add},
      {"Sub", of_two([](auto a, auto b) { return a - b; })},
      {"Mul", of_two([](auto a, auto b) { return a * b; })},
      {"Div", divide},
      {"Mod", modulo},
      {"Pow", power},
      {"Neg", of([](auto x) { return -x; })},
      {"Abs", of([](auto x) { return abs(x); })},
      {"Sign", of([](auto x) { return sign(x); })},
      {"Floor", of([](auto x) { return floor(x); })},
      {"Ceil", of([](auto x) { return ceil(x); })},
      {"Round", of([](auto x) { return round(x); })},
      {"Reciprocal", of([](auto x) { return number(1, x) / x; })},
      {"Sqrt", of([](auto x) { return sqrt(x); })},
      {"Max",
       [](const Call& c) { return folded(c, [](auto a, auto b) { return maximum(a, b); }); }},
      {"Min",
       [](const Call& c) { return folded(c, [](auto a, auto b) { return minimum(a, b); }); }},
      {"Sum", [](const Call& c) { return folded(c, [](auto a, auto b) { return a + b; }); }},
      {"Mean", mean_of_all},
      {"Clip", clip_between},
      {"And", of_two([](auto a, auto b) { return logical_and(a, b); })},
      {"Or", of_two([](auto a, auto b) { return logical_or(a, b); })},
      {"Xor", of_two([](auto a, auto b) { return logical_xor(a, b); })},
      {"Not", of([](auto x) { return logical_not(x); })},
      {"Equal", equal_of},
      {"Less", of_two([](auto a, auto b) { return a < b; })},
      {"LessOrEqual", of_two([](auto a, auto b) { return a <= b; })},
      {"Greater", of_two([](auto a, auto b) { return a > b; })},
      {"GreaterOrEqual", of_two([](auto a, auto b) { return a >= b; })},
      {"Where", where_of},
      {"IsNaN", of([](auto x) { return x != x; })},
      {"IsInf", is_infinite},
  };
}

}  // namespace

std::vector<OpDefinition> math_ops() {
  std::vector<OpDefinition> ops = arithmetic();
  const std::vector<OpDefinition> functions = {
      {"Exp", of([](auto x) { return exp(x); })},
      {"Log", of([](auto x) { return log(x); })},
      {"Sin", of([](auto x) { return sin(x); })},
      {"Cos", of([](auto x) { return cos(x); })},
      {"Tan", of([](auto x) { return sin(x) / cos(x); })},
      {"Tanh", of([](auto x) { return tanh(x); })},
      {"Sinh", of(sinh_of)},
      {"Cosh", of(cosh_of)},
      {"Erf", of([](auto x) { return erf(x); })},
      // tf2onnx leaves some ops of TensorFlow as they are; Erfc is for the exact gelu of Keras.
      {"Expm1", of([](auto x) { return expm1(x); })},
      {"Log1p", of([](auto x) { return log1p(x); })},
      {"Bucketize", bucketize},
      {"Erfc", of([](auto x) { return number(1, x) - erf(x); })},
      {"Relu", of([](auto x) { return relu(x); })},
      {"LeakyRelu", [](const Call& c) { return one(leaky_relu(c.x(0), c.f("alpha", 0.01))); }},
      {"Elu", [](const Call& c) { return one(elu(c.x(0), c.f("alpha", 1.0))); }},
      {"Selu", selu},
      {"Celu", celu},
      {"PRelu", prelu},
      {"Sigmoid", of([](auto x) { return sigmoid(x); })},
      {"HardSigmoid", hard_sigmoid},
      {"HardSwish", hard_swish},
      {"Swish", swish},
      {"Softplus", of([](auto x) { return softplus(x); })},
      {"Softsign", of([](auto x) { return x / (number(1, x) + abs(x)); })},
      {"Mish", of([](auto x) { return x * tanh(softplus(x)); })},
      {"Gelu", gelu_of},
      {"ThresholdedRelu", thresholded_relu},
      {"Shrink", shrink},
      {"Cast", cast_to},
      {"CastLike", [](const Call& c) { return one(cast(c.x(0), c.x(1).dtype())); }},
      {"Identity", copy_of},
  };
  ops.insert(ops.end(), functions.begin(), functions.end());
  return ops;
}

}  // namespace mlpjit::onnx
