#pragma once
/// @file
/// How parameters start. The values depend on the thread's random seed
/// (`random::seed(7); net.initialize();`) and the parameter's path only, never on the order in
/// which layers are first called.

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "mlpjit/export.h"
#include "mlpjit/tensor.h"

namespace mlpjit::nn {

/// A way to fill a parameter; one of the functions below, or a function `Tensor(const Shape&,
/// DType)` of yours.
class MLPJIT_API Initializer {
 public:
  /// What a way to fill is told: where the counter-based draws stand, and what to make.
  struct Request {
    std::uint64_t seed = 0;
    std::string path;
    Shape shape;
    DType dtype = DType::f32;
  };
  using Function = std::function<Tensor(const Request&)>;

  /// None: the one given to `initialize()` is used.
  Initializer() = default;
  Initializer(std::string name, Function function);
  /// Your own: gives a tensor of that shape and dtype.
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Initializer> &&
             std::is_invocable_r_v<Tensor, const F&, const Shape&, DType>)
  Initializer(F function)  // NOLINT: functions convert
      : Initializer("custom", [function = std::move(function)](const Request& request) {
          return Tensor(function(request.shape, request.dtype));
        }) {}

  bool defined() const { return function_ != nullptr; }
  /// "Uniform(0.07)".
  const std::string& name() const& MLPJIT_LIFETIMEBOUND { return name_; }
  std::string name() const&& { return name_; }
  /// The values. @throws DTypeError when it cannot fill that dtype; ShapeError when a function of
  /// yours gave another shape.
  Tensor make(const Request& request) const;

 private:
  std::string name_ = "none";
  std::shared_ptr<const Function> function_;
};

/// Distribution of the draws of Xavier and Kaiming.
enum class Draws : std::uint8_t { uniform, normal };

/// Uniform in [-scale, scale).
MLPJIT_API Initializer Uniform(double scale = 0.07);
/// Uniform in [low, high).
MLPJIT_API Initializer Uniform(double low, double high);
/// Normal around 0.
MLPJIT_API Initializer Normal(double deviation = 0.01);
/// Variance 2 / (fan in + fan out): Glorot and Bengio, 2010.
MLPJIT_API Initializer Xavier(Draws draws = Draws::uniform);
/// Variance 2 / ((1 + slope^2) fan in): He et al., arXiv 1502.01852; `slope` is that of a leaky
/// relu.
MLPJIT_API Initializer Kaiming(Draws draws = Draws::normal, double slope = 0);
MLPJIT_API Initializer Zeros();
MLPJIT_API Initializer Ones();
MLPJIT_API Initializer Constant(double value);

}  // namespace mlpjit::nn
