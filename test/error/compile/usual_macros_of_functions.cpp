// Must compile: macros with parameters that other headers define.
#include <array>
#include <cassert>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#undef NDEBUG

// Windows, Arduino.
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define abs(x) ((x) > 0 ? (x) : -(x))
#define round(x) ((x) >= 0 ? (long)((x) + 0.5) : (long)((x) - 0.5))
#define sq(x) ((x) * (x))
#define F(text) text
#define Yield() 1

// Qt.
#define foreach(variable, container) for (variable : container)
#define Q_FOREACH(variable, container) for (variable : container)

// tgmath.h, and headers that log.
#define exp(x) exp_of(x)
#define log(...) log_of(__VA_ARGS__)
#define sqrt(x) sqrt_of(x)
#define sin(x) sin_of(x)
#define cos(x) cos_of(x)
#define tanh(x) tanh_of(x)
#define pow(x, y) pow_of(x, y)
#define floor(x) floor_of(x)
#define ceil(x) ceil_of(x)

// BSD, sys/sysmacros.h, Apple's AssertMacros.h.
#define major(dev) ((dev) >> 8)
#define minor(dev) ((dev) & 255)
#define makedev(a, b) (((a) << 8) | (b))
#define check(assertion)
#define check_error(error)
#define verify(assertion) (assertion)
#define require(assertion, label)
#define isset(a, i) ((a)[i])
#define IN(x) x
#define OUT(x) x
#define I(x) x
#define E(x) x
#define N(x) x

#include <mlpjit/mlpjit.h>

double use(const mlpjit::Tensor& x) {
  const mlpjit::Ops ops;
  const mlpjit::Tensor y = (mlpjit::max)(x, {0}) + (ops.abs)(x);
  const auto inverse = mlpjit::jit([](mlpjit::Tensor a) { return (mlpjit::exp)(-a); });
  return inverse(y).item<double>();
}
