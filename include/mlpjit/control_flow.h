#pragma once
/// @file
/// Choices and loops whose course depends on values: the same in every mode. Imperatively they run
/// as written; in a traced program they become real branches and loops. Functions may use tensors
/// from outside, update them in place and draw random numbers. What they return is independent of
/// what they were given, as if copied. A C++ scalar among operands, state or results counts as a
/// tensor of its own dtype (i64, f32, bool).

#include <concepts>
#include <cstdint>
#include <functional>
#include <utility>

#include "mlpjit/detail/callable.h"
#include "mlpjit/tensor.h"

namespace mlpjit {

namespace detail {
using TensorsFunction = std::function<Tensors(const Tensors&)>;
using ScanFunction = std::function<std::pair<Tensors, Tensors>(const Tensors&, const Tensors&)>;

MLPJIT_API Tensors cond(const Tensor& predicate, const TensorsFunction& then,
                        const TensorsFunction& otherwise, const Tensors& operands);
MLPJIT_API Tensors while_loop(const TensorsFunction& condition, const TensorsFunction& body,
                              const Tensors& state, std::int64_t max_iterations);
MLPJIT_API std::pair<Tensors, Tensors> scan(const ScanFunction& body, const Tensors& init,
                                            const Tensors& xs);

inline Tensors as_tensors(const Tensor& tensor) {
  return {tensor};
}
inline Tensors as_tensors(const Tensors& tensors) {
  return tensors;
}
template <class T>
T from_tensors(const Tensors& tensors) {
  if constexpr (std::derived_from<T, Tensors>) {
    return T(tensors);
  } else {
    return tensors.at(0);
  }
}
template <class T>
using TensorOrTensors = std::conditional_t<std::derived_from<T, Tensors>, T, Tensor>;
}  // namespace detail

/// `then(operands)` where the predicate (one element) is true, else `otherwise(operands)`; only one
/// of them runs. They are callables of `const Tensors&`, or of as many Tensors as there are
/// operands, and must give results of the same dtypes and shapes. @throws ShapeError, DTypeError
/// while tracing when they do not.
template <class Then, class Else>
Tensors cond(const Tensor& predicate, Then&& then, Else&& otherwise, const Tensors& operands = {}) {
  detail::check_parameters<Then>();
  detail::check_parameters<Else>();
  return detail::cond(
      predicate, [&](const Tensors& x) { return detail::call_with(then, x); },
      [&](const Tensors& x) { return detail::call_with(otherwise, x); }, operands);
}

/// While `condition(state)` (one element) is true: state = body(state); gives the last state. The
/// body must keep the dtypes and shapes. At most `max_iterations` rounds, where that is not
/// negative.
/// @throws ShapeError, DTypeError when the body gives back another state.
template <class Condition, class Body>
Tensors while_loop(Condition&& condition, Body&& body, const Tensors& state,
                   std::int64_t max_iterations = -1) {
  detail::check_parameters<Condition>();
  detail::check_parameters<Body>();
  return detail::while_loop([&](const Tensors& x) { return detail::call_with(condition, x); },
                            [&](const Tensors& x) { return detail::call_with(body, x); }, state,
                            max_iterations);
}

/// For each entry x of `xs` along axis 0: {carry, y} = body(carry, x); gives the last carry, and
/// the ys stacked on axis 0. `init` and `xs` are a Tensor or Tensors each, as the parameters of
/// body are; with several xs all have the same length. With no entries the shapes of the ys are
/// found by tracing the body.
/// @throws ShapeError, DTypeError when the body changes the dtype or shape of the carry.
template <class Body, class Init, class Xs>
auto scan(Body&& body, const Init& init, const Xs& xs) {
  using Carry = detail::TensorOrTensors<Init>;
  using Entry = detail::TensorOrTensors<Xs>;
  using Result = std::invoke_result_t<Body&, Carry, Entry>;
  using Y = detail::ReturnedAs<decltype(std::declval<Result>().second)>;
  auto [carry, ys] = detail::scan(
      [&](const Tensors& c, const Tensors& x) {
        Result result = body(detail::from_tensors<Carry>(c), detail::from_tensors<Entry>(x));
        return std::pair(detail::as_tensors(result.first), detail::as_tensors(result.second));
      },
      detail::as_tensors(init), detail::as_tensors(xs));
  return std::pair<Carry, Y>(detail::from_tensors<Carry>(carry), detail::from_tensors<Y>(ys));
}

}  // namespace mlpjit
