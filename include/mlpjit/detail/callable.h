#pragma once
// How functions of tensors, written in any of the usual ways, are called with a vector of tensors,
// and what they return turned into one and back.

#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mlpjit/error.h"
#include "mlpjit/tensor.h"

namespace mlpjit::detail {

/// The parameter list of a function, where there is exactly one.
template <class... P>
struct ParameterList {
  static constexpr std::size_t kCount = sizeof...(P);
  /// `const Tensors&` alone: the function takes any number.
  static constexpr bool kTakesTensors =
      sizeof...(P) == 1 && (std::same_as<std::remove_cvref_t<P>, Tensors> && ...);
  static constexpr bool kAllTensor =
      kTakesTensors || (std::same_as<std::remove_cvref_t<P>, Tensor> && ...);
  static constexpr bool kByMutableReference =
      ((std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>) || ...);
};

template <class T>
struct CallOperator;
template <class C, class R, class... P>
struct CallOperator<R (C::*)(P...)> : std::type_identity<ParameterList<P...>> {};
template <class C, class R, class... P>
struct CallOperator<R (C::*)(P...) const> : std::type_identity<ParameterList<P...>> {};
template <class C, class R, class... P>
struct CallOperator<R (C::*)(P...) noexcept> : std::type_identity<ParameterList<P...>> {};
template <class C, class R, class... P>
struct CallOperator<R (C::*)(P...) const noexcept> : std::type_identity<ParameterList<P...>> {};

/// Overloaded and generic callables: unknown, `void`.
template <class Fn>
struct ParametersOf : std::type_identity<void> {};
template <class R, class... P>
struct ParametersOf<R (*)(P...)> : std::type_identity<ParameterList<P...>> {};
template <class R, class... P>
struct ParametersOf<R (*)(P...) noexcept> : std::type_identity<ParameterList<P...>> {};
template <class Fn>
  requires requires { &Fn::operator(); }
struct ParametersOf<Fn> : CallOperator<decltype(&Fn::operator())> {};

template <class Fn>
using Parameters = typename ParametersOf<std::decay_t<Fn>>::type;

/// Clear texts instead of a page of templates.
template <class Fn>
constexpr void check_parameters() {
  using List = Parameters<Fn>;
  if constexpr (!std::is_void_v<List>) {
    static_assert(List::kAllTensor,
                  "mlpjit: a function that is traced (trace, jit) takes Tensors only: every "
                  "parameter must be a Tensor "
                  "(or one const Tensors&). Bind other values in a lambda: jit([k](Tensor x) { "
                  "return f(x, k); })");
    static_assert(!List::kByMutableReference,
                  "mlpjit: a function that is traced (trace, jit) cannot take Tensor&: take "
                  "Tensor, which shares its "
                  "storage, and return the new value or update it in place");
  }
}

template <std::size_t>
using NthTensor = Tensor;

template <class Fn, class Sequence>
struct CallableWith;
template <class Fn, std::size_t... Index>
struct CallableWith<Fn, std::index_sequence<Index...>>
    : std::is_invocable<Fn&, NthTensor<Index>...> {};
template <class Fn, std::size_t N>
inline constexpr bool kCallableWith = CallableWith<Fn, std::make_index_sequence<N>>::value;

template <class Fn>
constexpr bool takes_tensors() {
  using List = Parameters<Fn>;
  if constexpr (std::is_void_v<List>) {
    return false;
  } else {
    return List::kTakesTensors;
  }
}

/// What a function gives, as its callers get it: slices are tensors.
template <class R>
struct Returned : std::type_identity<R> {};
template <std::derived_from<Tensor> R>
struct Returned<R> : std::type_identity<Tensor> {};
template <class... T>
struct Returned<std::tuple<T...>>
    : std::type_identity<std::tuple<typename Returned<std::remove_cvref_t<T>>::type...>> {};
template <class A, class B>
struct Returned<std::pair<A, B>>
    : std::type_identity<std::pair<typename Returned<std::remove_cvref_t<A>>::type,
                                   typename Returned<std::remove_cvref_t<B>>::type>> {};
template <class T, std::size_t N>
struct Returned<std::array<T, N>> : std::type_identity<std::array<typename Returned<T>::type, N>> {
};
template <class R>
using ReturnedAs = typename Returned<std::remove_cvref_t<R>>::type;

/// What calling Fn with N tensors gives.
template <class Fn, std::size_t N, class Sequence = std::make_index_sequence<N>>
struct ResultWith;
template <class Fn, std::size_t N, std::size_t... Index>
struct ResultWith<Fn, N, std::index_sequence<Index...>> {
  static auto deduce() {
    if constexpr (takes_tensors<Fn>()) {
      return std::type_identity<std::invoke_result_t<Fn&, const Tensors&>>{};
    } else {
      return std::type_identity<std::invoke_result_t<Fn&, NthTensor<Index>...>>{};
    }
  }
  using type = ReturnedAs<typename decltype(deduce())::type>;
};

inline void flatten(const Tensor& result, Tensors& out) {
  out.push_back(result);
}
inline void flatten(const Tensors& result, Tensors& out) {
  out.insert(out.end(), result.begin(), result.end());
}
template <class Tuple>
  requires requires { std::tuple_size<Tuple>::value; }
void flatten(const Tuple& result, Tensors& out) {
  std::apply([&](const auto&... item) { (flatten(item, out), ...); }, result);
}

template <class R>
struct Unflatten {
  static_assert(sizeof(R) == 0,
                "mlpjit: a function that is traced (trace, jit) returns a Tensor, Tensors, void, "
                "or a tuple, pair or array "
                "of Tensor");
};
template <>
struct Unflatten<void> {
  static void from(Tensors) {}
};
template <>
struct Unflatten<Tensor> {
  static Tensor from(Tensors flat) { return std::move(flat.front()); }
};
/// Tensors, and what a block of several results gives.
template <std::derived_from<Tensors> R>
struct Unflatten<R> {
  static R from(Tensors flat) { return R(std::move(flat)); }
};
template <class... T>
  requires(std::same_as<T, Tensor> && ...)
struct Unflatten<std::tuple<T...>> {
  static std::tuple<T...> from(Tensors flat) {
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      return std::tuple<T...>(std::move(flat[Index])...);
    }(std::index_sequence_for<T...>{});
  }
};
template <>
struct Unflatten<std::pair<Tensor, Tensor>> {
  static std::pair<Tensor, Tensor> from(Tensors flat) {
    return {std::move(flat[0]), std::move(flat[1])};
  }
};
template <std::size_t N>
struct Unflatten<std::array<Tensor, N>> {
  static std::array<Tensor, N> from(Tensors flat) {
    std::array<Tensor, N> result;
    for (std::size_t i = 0; i < N; ++i) result[i] = std::move(flat[i]);
    return result;
  }
};

/// Calls `f` with the arguments of a call side by side: on no heap, and without a copy of a tensor
/// alone.
template <class F>
auto with_span(F&& f, const Tensor& only) {
  return f(std::span<const Tensor>(&only, 1));
}
template <class F, class... Args>
auto with_span(F&& f, const Args&... arguments) {
  const std::array<Tensor, sizeof...(Args)> all{Tensor(arguments)...};
  return f(std::span<const Tensor>(all));
}

/// Calls `fn` and flattens what it returns.
template <class Fn, class... Args>
Tensors call_flat(Fn& fn, Args&&... args) {
  Tensors out;
  if constexpr (std::is_void_v<std::invoke_result_t<Fn&, Args...>>) {
    std::invoke(fn, std::forward<Args>(args)...);
  } else {
    flatten(std::invoke(fn, std::forward<Args>(args)...), out);
  }
  return out;
}

template <class Fn, std::size_t... Index>
Tensors spread(Fn& fn, const Tensors& args, std::index_sequence<Index...>) {
  return call_flat(fn, Tensor(args[Index])...);
}

inline constexpr std::size_t kMaxGenericArguments = 16;

/// For generic callables the number of arguments is known only now. From one on: bodies of variadic
/// ones, (a + ...) for instance, need not make sense for none.
template <std::size_t N, class Fn>
Tensors spread_generic(Fn& fn, const Tensors& args) {
  if constexpr (N <= kMaxGenericArguments) {
    if (args.size() != N) return spread_generic<N + 1>(fn, args);
    if constexpr (kCallableWith<Fn, N>) return spread(fn, args, std::make_index_sequence<N>{});
  }
  throw UserError("the function cannot be called with " + std::to_string(args.size()) +
                  " tensors; a generic one takes 1 to " + std::to_string(kMaxGenericArguments) +
                  ", one of `const Tensors&` any number");
}

template <class Fn>
Tensors call_with(Fn& fn, const Tensors& args) {
  using List = Parameters<Fn>;
  if constexpr (std::is_void_v<List>) {
    return spread_generic<1>(fn, args);
  } else if constexpr (List::kTakesTensors) {
    return call_flat(fn, args);
  } else {
    if (args.size() != List::kCount) {
      throw UserError("the function takes " + std::to_string(List::kCount) + " tensors, " +
                      std::to_string(args.size()) + " were given");
    }
    return spread(fn, args, std::make_index_sequence<List::kCount>{});
  }
}

}  // namespace mlpjit::detail
