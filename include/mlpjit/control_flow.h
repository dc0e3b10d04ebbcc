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
#include <type_traits>
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
MLPJIT_API const Tensor& only_one(const Tensors& tensors, const char* call, const char* what);
template <class T>
T from_tensors(const Tensors& tensors, const char* call, const char* what) {
  if constexpr (std::derived_from<T, Tensors>) {
    return T(tensors);
  } else {
    return only_one(tensors, call, what);
  }
}
/// What a value given is to a function: one tensor (a number too), or several.
template <class T>
using TensorOrTensors = std::conditional_t<std::derived_from<T, Tensors>, T, Tensor>;

/// What cond gives: a Tensor where it was given one and the branches return one.
template <class Then, class Given, class Else = Then>
struct CondResult : std::type_identity<Outputs> {};
template <class Then, class Given, class Else>
  requires(!std::derived_from<Given, Tensors> &&
           std::same_as<typename ResultWith<Then, 1>::type, Tensor> &&
           std::same_as<typename ResultWith<Else, 1>::type, Tensor>)
struct CondResult<Then, Given, Else> : std::type_identity<Tensor> {};

/// How the body of a scan takes the carry and an entry: as they were given, or, where that is a
/// list of one and the body takes a Tensor, as that.
template <class Body, class Carry, class Entry>
constexpr auto scan_parameters() {
  if constexpr (std::is_invocable_v<Body&, Carry, Entry>) {
    return std::type_identity<std::pair<Carry, Entry>>{};
  } else if constexpr (std::is_invocable_v<Body&, Tensor, Entry>) {
    return std::type_identity<std::pair<Tensor, Entry>>{};
  } else if constexpr (std::is_invocable_v<Body&, Carry, Tensor>) {
    return std::type_identity<std::pair<Carry, Tensor>>{};
  } else {
    static_assert(std::is_invocable_v<Body&, Tensor, Tensor>,
                  "mlpjit: the body of a scan takes the carry and an entry, and returns "
                  "std::pair{carry, y}: Tensors where one tensor was given (or a list of one), "
                  "const Tensors& where several were");
    return std::type_identity<std::pair<Tensor, Tensor>>{};
  }
}
}  // namespace detail

/// `then(operands)` where the predicate (one element) is true, else `otherwise(operands)`; only one
/// of them runs. The operands are a Tensor, or a list, `{x, y}`, or none. The branches are
/// callables of `const Tensors&`, or of as many Tensors as there are operands, and must give
/// results of the same dtypes and shapes. Gives a Tensor where one was given and the branches
/// return one, else Outputs, of which a single one converts to a Tensor. @throws ShapeError,
/// DTypeError while tracing when the branches differ.
template <class Then, class Else, class Given = Tensors>
auto cond(const Tensor& predicate, Then&& then, Else&& otherwise, const Given& operands = {}) {
  detail::check_parameters<Then>();
  detail::check_parameters<Else>();
  using Result = typename detail::CondResult<std::decay_t<Then>, Given, std::decay_t<Else>>::type;
  const Tensors results = detail::cond(
      predicate, [&](const Tensors& x) { return detail::call_with(then, x); },
      [&](const Tensors& x) { return detail::call_with(otherwise, x); },
      detail::as_tensors(operands));
  return detail::from_tensors<Result>(results, "cond", "results of a branch");
}

/// While `condition(state)` (one element) is true: state = body(state); gives the last state, a
/// Tensor where one was given, Outputs where a list, `{i, total}`. The body must keep the dtypes
/// and shapes. At most `max_iterations` rounds, where that is not negative.
/// @throws ShapeError, DTypeError when the body gives back another state.
template <class Condition, class Body, class State = Tensors>
auto while_loop(Condition&& condition, Body&& body, const State& state,
                std::int64_t max_iterations = -1) {
  detail::check_parameters<Condition>();
  detail::check_parameters<Body>();
  using Result = std::conditional_t<std::derived_from<State, Tensors>, Outputs, Tensor>;
  const Tensors last =
      detail::while_loop([&](const Tensors& x) { return detail::call_with(condition, x); },
                         [&](const Tensors& x) { return detail::call_with(body, x); },
                         detail::as_tensors(state), max_iterations);
  return detail::from_tensors<Result>(last, "while_loop", "states");
}

/// For each entry x of `xs` along axis 0: {carry, y} = body(carry, x); gives the last carry, and
/// the ys stacked on axis 0. `init` and `xs` are a Tensor or a list, `{a, b}`, each, as the
/// parameters of body are (of a list of one it may take a Tensor as well); with several xs all have
/// the same length. With no entries the shapes of the ys are found by tracing the body.
/// @throws ShapeError, DTypeError when the body changes the dtype or shape of the carry; UserError
/// when the body takes one tensor of several.
template <class Body, class Init = Tensors, class Xs = Tensors>
auto scan(Body&& body, const Init& init, const Xs& xs) {
  using Parameters =
      typename decltype(detail::scan_parameters<Body, detail::TensorOrTensors<Init>,
                                                detail::TensorOrTensors<Xs>>())::type;
  using Carry = typename Parameters::first_type;
  using Entry = typename Parameters::second_type;
  using Result = std::invoke_result_t<Body&, Carry, Entry>;
  using Y = detail::ReturnedAs<decltype(std::declval<Result>().second)>;
  auto [carry, ys] = detail::scan(
      [&](const Tensors& c, const Tensors& x) {
        Result result = body(detail::from_tensors<Carry>(c, "scan", "carried tensors"),
                             detail::from_tensors<Entry>(x, "scan", "tensors to scan over"));
        return std::pair(detail::as_tensors(result.first), detail::as_tensors(result.second));
      },
      detail::as_tensors(init), detail::as_tensors(xs));
  return std::pair<Carry, Y>(detail::from_tensors<Carry>(carry, "scan", "carried tensors"),
                             detail::from_tensors<Y>(ys, "scan", "results of the body"));
}

}  // namespace mlpjit
