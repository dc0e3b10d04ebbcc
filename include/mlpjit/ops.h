#pragma once
/// @file
/// The imperative ops. Ops that C++ has an operator for are operators of Tensor; the others are
/// function templates constrained to what converts to Tensor, so that functions of the same names
/// of yours, and those of <cmath>, stay unambiguous. Each is also a member of the op set F (`Ops`),
/// and an op of the IR. Definitions on the bits: docs/numerics.md.
///
/// Five names are those of class templates or classes of std: logical_and, logical_or, logical_not
/// (<functional>), stack (<stack>), slice (<valarray>). After `using namespace std` C++ allows no
/// function to share such a name ([namespace.udir]); write `a && b`, `a || b`, `!a`,
/// `x.slice(...)`, or F.stack and mlpjit::stack.

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "mlpjit/tensor.h"

namespace mlpjit {

/// Axes of a reduction; negative ones count from the end; none given means all of them.
using Axes = std::vector<int>;

namespace detail {
/// What a custom or generated function takes: a Tensor, or what converts to one.
template <class T>
concept TensorLike = std::convertible_to<const T&, Tensor>;
/// The same without C++ scalars, for names that <cmath> also has.
template <class T>
concept TensorClass = TensorLike<T> && !Scalar<T>;
template <class... T>
concept OneTensorClass = (TensorLike<T> && ...) && (TensorClass<T> || ...);

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

/// Which form of gelu: exact (through erfc), or the tanh approximation.
struct GeluOptions {
  bool approximate = false;
};

#define MLPJIT_CONST
#include "mlpjit/detail/ops_surface.inc"
#undef MLPJIT_CONST

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

/// The op set handed to `hybrid_forward`: the same functions as the free ones. Prints as
/// "mlpjit.array", or as "mlpjit.symbol" while tracing.
class MLPJIT_API Ops {
 public:
#define MLPJIT_CONST const
#include "mlpjit/detail/ops_surface.inc"
#undef MLPJIT_CONST
  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const Ops& ops);
};

}  // namespace mlpjit
