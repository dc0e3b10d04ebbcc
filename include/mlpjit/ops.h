#pragma once
/// @file
/// The imperative ops. Ops that C++ has an operator for are operators of Tensor; the others are
/// functions of detail::Operand, to which tensors and numbers convert, so that functions of the
/// same names of yours, and those of <cmath>, stay unambiguous and win. Each is also a member of
/// the op set F (`Ops`), and an op of the IR. Definitions on the bits: docs/numerics.md.
///
/// Five names are those of class templates or classes of std: logical_and, logical_or, logical_not
/// (<functional>), stack (<stack>), slice (<valarray>). After `using namespace std` C++ allows no
/// function to share such a name ([namespace.udir]); write `a && b`, `a || b`, `!a`,
/// `x.slice(...)`, or F.stack and mlpjit::stack.

#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "mlpjit/control_flow.h"
#include "mlpjit/tensor.h"

namespace mlpjit {

/// Axes of a reduction; negative ones count from the end; none given means all of them.
using Axes = std::vector<int>;

namespace detail {
template <class T>
concept TensorLike = std::convertible_to<const T&, Tensor>;
template <class T>
concept TensorClass = TensorLike<T> && !Scalar<T>;

/// What an op takes: a Tensor, or what converts to one. Becoming an Operand is a conversion, so any
/// function of the caller's own or of <cmath> that takes a tensor or a number as it is wins over
/// the op of the same name.
class Operand {
 public:
  template <TensorLike T>
  Operand(const T& value) : tensor_(value) {}         // NOLINT: converts
  operator const Tensor&() const { return tensor_; }  // NOLINT: converts

 private:
  Tensor tensor_;
};
inline const Tensor& as_tensor(const Operand& operand) {
  return operand;
}

enum class OpName : std::uint8_t {
#define MLPJIT_OP(name, ...) name,
#include "mlpjit/detail/ops.def"
};
MLPJIT_API Tensor apply(OpName op, const Tensor& x);
MLPJIT_API Tensor apply(OpName op, const Tensor& a, const Tensor& b);

MLPJIT_API Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
MLPJIT_API Tensor clip(const Tensor& x, const Tensor& low, const Tensor& high);
MLPJIT_API Tensor gelu(const Tensor& x, bool tanh_form);
MLPJIT_API Tensor leaky_relu(const Tensor& x, double alpha);
MLPJIT_API Tensor elu(const Tensor& x, double alpha);
MLPJIT_API Tensor hardtanh(const Tensor& x, double low, double high);
MLPJIT_API Tensor cast(const Tensor& x, DType dtype);
MLPJIT_API Tensor dense(const Tensor& x, const Tensor& weight, const Tensor* bias);
MLPJIT_API Tensor reduce(OpName op, const Tensor& x, const Axes* axes, bool keepdims);
MLPJIT_API Tensor softmax(OpName op, const Tensor& x, int axis);
MLPJIT_API Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                             double epsilon);
MLPJIT_API Tensor reshape(const Tensor& x, const std::vector<Dim>& shape);
MLPJIT_API Tensor transpose(const Tensor& x, const std::vector<int>* permutation);
MLPJIT_API Tensor squeeze(const Tensor& x, const Axes* axes);
MLPJIT_API Tensor expand_dims(const Tensor& x, int axis);
MLPJIT_API Tensor broadcast_to(const Tensor& x, const Shape& shape);
MLPJIT_API Tensor concat(const Tensors& parts, int axis);
MLPJIT_API Tensor stack(const Tensors& parts, int axis);
MLPJIT_API Tensors split(const Tensor& x, const std::vector<std::int64_t>& sizes, int axis);
MLPJIT_API Tensors split_equal(const Tensor& x, std::int64_t parts, int axis);
MLPJIT_API Tensor gather(const Tensor& x, const Tensor& indices, int axis);
MLPJIT_API Tensor one_hot(const Tensor& indices, std::int64_t depth, DType dtype);
MLPJIT_API void print(const std::string& text, const Tensor* x);
}  // namespace detail

/// Which form of gelu: exact, or the tanh approximation.
struct GeluOptions {
  bool approximate = false;
};

/// @name Functions of one or two operands
/// Generated from the op table (detail/ops.def). Operands broadcast as numpy's; the dtype is kept,
/// and two dtypes never mix. @throws ShapeError on shapes that do not broadcast, DTypeError on
/// dtypes that do not fit, which names the way out.
///
/// | function | result |
/// |---|---|
/// | `abs(x)`, `sign(x)` | numbers; sign keeps zeros and NaN |
/// | `floor(x)`, `ceil(x)`, `round(x)` | numbers; round takes halves to even |
/// | `sqrt(x)`, `rsqrt(x)` | floats; rsqrt is 1 / sqrt(x), both rounded |
/// | `exp log expm1 log1p tanh sigmoid softplus silu erf sin cos` | floats |
/// | `relu(x)` | numbers; 0 where x < 0, else x (NaN too) |
/// | `maximum(a, b)`, `minimum(a, b)` | numbers; NaN wins, and +0 is larger than -0 |
/// | `pow(a, b)` | numbers; a negative power of an integer rounds towards zero |
/// | `floor_divide(a, b)`, `remainder(a, b)` | numbers, rounded towards minus infinity |
/// | `logical_and(a, b)`, `logical_or`, `logical_xor`, `logical_not(x)` | bool, of x != 0 |
/// | `matmul(a, b)` | numbers: [.., M, K] by [.., K, N] gives [.., M, N] |
///
/// Integers divided by 0 are a ValueError in every mode. The leading axes of matmul broadcast; a
/// vector [K] on the left or right loses its axis in the result; two vectors give a 0-d tensor.
/// Definitions on the bits and the largest errors: docs/numerics.md.
///
/// Reductions are called as `sum(x)` over all axes, `sum(x, 1)` or `sum(x, {0, -1})` over some, and
/// with a last argument `keepdims`, false by default, that keeps the reduced axes with the size 1.
/// Of x [.., n, ..] an axis of n elements goes:
///
/// | reduction | result |
/// |---|---|
/// | `sum(x)`, `prod(x)` | floats keep their dtype; integers and bools give i64, which wraps |
/// | `mean(x)` | sum / n; of integers and bools f32 |
/// | `var(x)` | mean((x - mean(x))^2), the variance of the population; of integers and bools f32 |
/// | `max(x)`, `min(x)` | numbers; NaN wins |
/// | `argmax(x)`, `argmin(x)` | i64: the place of the first one (or NaN), row-major over the axes |
///
/// @throws ShapeError on an axis that x has not, or that is given twice; ValueError on max, min,
/// argmax and argmin of nothing.
/// @{
#define MLPJIT_CONST
#define MLPJIT_FUNCTION inline
#include "mlpjit/detail/ops_surface.inc"
#undef MLPJIT_FUNCTION
#undef MLPJIT_CONST
/// @}

/// logical_and, logical_or and logical_not of tensors, element by element; both sides are
/// evaluated.
template <detail::TensorClass A, detail::TensorClass B>
Tensor operator&&(const A& a, const B& b) {
  return detail::apply(detail::OpName::logical_and, Tensor(a), Tensor(b));
}
template <detail::TensorClass A, detail::TensorClass B>
Tensor operator||(const A& a, const B& b) {
  return detail::apply(detail::OpName::logical_or, Tensor(a), Tensor(b));
}
template <detail::TensorClass X>
Tensor operator!(const X& x) {
  return detail::apply(detail::OpName::logical_not, Tensor(x));
}

/// The op set handed to `hybrid_forward`: the same functions as the free ones, those of
/// control_flow.h included. Prints as "mlpjit.array", or as "mlpjit.symbol" while tracing.
class MLPJIT_API Ops {
 public:
#define MLPJIT_CONST const
#define MLPJIT_FUNCTION
#include "mlpjit/detail/ops_surface.inc"
#undef MLPJIT_FUNCTION
#undef MLPJIT_CONST
  template <class Then, class Else, class Given = Tensors>
  auto cond(const Tensor& predicate, Then&& then, Else&& otherwise,
            const Given& operands = {}) const {
    return mlpjit::cond(predicate, then, otherwise, operands);
  }
  template <class Condition, class Body, class State = Tensors>
  auto while_loop(Condition&& condition, Body&& body, const State& state,
                  std::int64_t max_iterations = -1) const {
    return mlpjit::while_loop(condition, body, state, max_iterations);
  }
  template <class Body, class Init = Tensors, class Xs = Tensors>
  auto scan(Body&& body, const Init& init, const Xs& xs) const {
    return mlpjit::scan(body, init, xs);
  }
  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const Ops& ops);
};

}  // namespace mlpjit
