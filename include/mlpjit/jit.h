#pragma once
/// @file
/// jit: a function of tensors that is traced, optimised and compiled at the first call of each
/// signature.

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "mlpjit/detail/callable.h"
#include "mlpjit/explain.h"
#include "mlpjit/options.h"
#include "mlpjit/tensor.h"

namespace mlpjit {

namespace detail {
class CachedFunction;

/// The part of a jitted function that does not depend on its type.
class MLPJIT_API JitEngine {
 public:
  JitEngine(std::function<Tensors(const Tensors&)> body, const HybridizeOptions& options);
  Tensors call(std::span<const Tensor> arguments) const;
  /// Of a function that gives one tensor.
  Tensor call_one(std::span<const Tensor> arguments) const;
  Explanation explain() const;
  void clear() const;

 private:
  CachedFunction& function() const;
  std::shared_ptr<CachedFunction> function_;
};
}  // namespace detail

/// What jit() gives: called as the function is. Copies share the compiled programs. Any number of
/// threads may call it.
template <class Fn>
class Jitted {
 public:
  Jitted(Fn function, const HybridizeOptions& options)
      : engine_([function = std::move(function)](
                    const Tensors& inputs) mutable { return detail::call_with(function, inputs); },
                options) {}

  /// The same results as the function's, on the bits. @throws what the function throws; TraceError
  /// where a program cannot do what it does; UserError where on_recompile refuses the call.
  template <class... Args>
    requires(std::convertible_to<const Args&, Tensor> && ...)
  auto operator()(const Args&... arguments) const {
    using Result = typename detail::ResultWith<Fn, sizeof...(Args)>::type;
    return detail::with_span(
        [this](std::span<const Tensor> all) -> Result {
          if constexpr (std::is_same_v<Result, Tensor>)
            return engine_.call_one(all);
          else
            return detail::Unflatten<Result>::from(engine_.call(all));
        },
        arguments...);
  }
  auto operator()(const Tensors& arguments) const
    requires(detail::takes_tensors<Fn>())
  {
    using Result = typename detail::ResultWith<Fn, 1>::type;
    return detail::Unflatten<Result>::from(engine_.call(arguments));
  }

  /// Signatures, guards, passes, kernels, times.
  Explanation explain() const { return engine_.explain(); }
  /// Forgets the compiled programs.
  void clear() const { engine_.clear(); }

 private:
  detail::JitEngine engine_;
};

/// A function of Tensors that runs compiled. Tensors that it captures are inputs, read at each
/// call; other C++ values are those of the trace. The function returns a Tensor, Tensors, void, or
/// a tuple, pair or array of Tensor.
template <class Fn>
Jitted<std::decay_t<Fn>> jit(Fn&& function, const HybridizeOptions& options = {}) {
  detail::check_parameters<Fn>();
  return Jitted<std::decay_t<Fn>>(std::forward<Fn>(function), options);
}

}  // namespace mlpjit
