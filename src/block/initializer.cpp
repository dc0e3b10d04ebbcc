#include "mlpjit/nn/initializer.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cmath>
#include <utility>

#include "lib/interp/interp.h"
#include "lib/ir/opcodes.h"
#include "lib/support/float_env.h"
#include "mlpjit/create.h"
#include "mlpjit/error.h"
#include "src/record/recorder.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::nn {
namespace {

void* elements_of(const Tensor& tensor) {
  return detail::TensorAccess::impl(tensor)->storage->data();
}

// Draws by (seed, path). The streams of random:: count their draws from 0; these start at 2^63, so
// that no draw of a program is that of a parameter.
Tensor draw(ir::Opcode opcode, const Initializer::Request& request) {
  if (!is_floating(request.dtype)) {
    throw DTypeError(fmt::format(
        "parameter '{}' is {}: only f32 and f64 parameters can start at random; declare it "
        "with an initializer of its own, such as Zeros()",
        request.path, to_string(request.dtype)));
  }
  const std::uint64_t number =
      XXH64(request.path.data(), request.path.size(), 0) | (std::uint64_t{1} << 63);
  std::array<std::int64_t, 2> state{static_cast<std::int64_t>(request.seed),
                                    static_cast<std::int64_t>(number)};
  std::array<std::int64_t, 2> next{};
  Tensor result = detail::make_tensor(request.dtype, request.shape);
  const std::array<interp::View, 1> operands{{{DType::i64, Shape{2}, state.data()}}};
  const std::array<interp::View, 2> results{
      {{request.dtype, request.shape, elements_of(result)}, {DType::i64, Shape{2}, next.data()}}};
  const ir::Attrs attrs{{"shape", request.shape}, {"dtype", request.dtype}};
  interp::evaluate(opcode, attrs, operands, results, support::default_isa());
  return result;
}

template <class T>
void scale_elements(const Tensor& tensor, double factor, double offset) {
  T* elements = static_cast<T*>(elements_of(tensor));
  const T scale = static_cast<T>(factor), shift = static_cast<T>(offset);
  for (std::int64_t i = 0; i < tensor.size(); ++i) elements[i] = elements[i] * scale + shift;
}

// x * factor + offset, each rounded once.
Tensor scaled(Tensor tensor, double factor, double offset) {
  const support::FloatEnvScope environment;
  if (tensor.dtype() == DType::f32) {
    scale_elements<float>(tensor, factor, offset);
  } else {
    scale_elements<double>(tensor, factor, offset);
  }
  return tensor;
}

Tensor draw_uniform(const Initializer::Request& request, double low, double high) {
  return scaled(draw(ir::Opcode::random_uniform, request), high - low, low);
}
Tensor draw_normal(const Initializer::Request& request, double deviation) {
  return scaled(draw(ir::Opcode::random_normal, request), deviation, 0);
}
// Uniform or normal of that variance.
Tensor draw_variance(const Initializer::Request& request, Draws draws, double variance) {
  if (draws == Draws::normal) return draw_normal(request, std::sqrt(variance));
  const double scale = std::sqrt(3 * variance);
  return draw_uniform(request, -scale, scale);
}

struct Fans {
  double in = 1, out = 1;
};
// Weights are [out, in, ...]; a vector counts as both.
Fans fans(const Shape& shape) {
  const std::span<const std::int64_t> sizes = shape.sizes();
  if (sizes.empty()) return {};
  if (sizes.size() == 1) return {static_cast<double>(sizes[0]), static_cast<double>(sizes[0])};
  double field = 1;
  for (const std::int64_t size : sizes.subspan(2)) field *= static_cast<double>(size);
  return {static_cast<double>(sizes[1]) * field, static_cast<double>(sizes[0]) * field};
}

const char* name_of(Draws draws) {
  return draws == Draws::uniform ? "uniform" : "normal";
}

// Weights without elements have no fan; any finite scale fills them.
double quotient(double a, double b) {
  return b > 0 ? a / b : 0;
}

}  // namespace

Initializer::Initializer(std::string name, Function function)
    : name_(std::move(name)), function_(std::make_shared<const Function>(std::move(function))) {}

Tensor Initializer::make(const Request& request) const {
  if (!defined()) throw UserError("an initializer that is none cannot fill a parameter");
  const detail::TracePause pause;
  const support::FloatEnvScope environment;
  Tensor values = (*function_)(request);
  if (!values.defined() || values.shape() != request.shape || values.dtype() != request.dtype) {
    throw ShapeError(fmt::format(
        "initializer {} gave {} for parameter '{}', which is {}{}", name_,
        values.defined() ? fmt::format("{}{}", to_string(values.dtype()), to_string(values.shape()))
                         : "no tensor",
        request.path, to_string(request.dtype), to_string(request.shape)));
  }
  return values;
}

Initializer Uniform(double scale) {
  return {fmt::format("Uniform({})", scale), [scale](const Initializer::Request& request) {
            return draw_uniform(request, -scale, scale);
          }};
}
Initializer Uniform(double low, double high) {
  return {fmt::format("Uniform({}, {})", low, high),
          [low, high](const Initializer::Request& request) {
            return draw_uniform(request, low, high);
          }};
}
Initializer Normal(double deviation) {
  return {fmt::format("Normal({})", deviation), [deviation](const Initializer::Request& request) {
            return draw_normal(request, deviation);
          }};
}
Initializer Xavier(Draws draws) {
  return {fmt::format("Xavier({})", name_of(draws)), [draws](const Initializer::Request& request) {
            const Fans fan = fans(request.shape);
            return draw_variance(request, draws, quotient(2, fan.in + fan.out));
          }};
}
Initializer Kaiming(Draws draws, double slope) {
  return {fmt::format("Kaiming({}, {})", name_of(draws), slope),
          [draws, slope](const Initializer::Request& request) {
            return draw_variance(request, draws,
                                 quotient(2, (1 + slope * slope) * fans(request.shape).in));
          }};
}
Initializer Zeros() {
  return {"Zeros",
          [](const Initializer::Request& request) { return zeros(request.shape, request.dtype); }};
}
Initializer Ones() {
  return {"Ones",
          [](const Initializer::Request& request) { return ones(request.shape, request.dtype); }};
}
Initializer Constant(double value) {
  return {fmt::format("Constant({})", value), [value](const Initializer::Request& request) {
            return full(request.shape, value, request.dtype);
          }};
}

}  // namespace mlpjit::nn
