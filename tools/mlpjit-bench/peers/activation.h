#pragma once
// The activations that peers know. Plain C++: it is also included by files that are compiled for
// the CPU of the build.

#include <cstdint>

namespace mlpjit::bench {

// `gelu` is the exact one, with erf; `elu` has an alpha of 1.
enum class Activation : std::uint8_t { none, relu, tanh, sigmoid, elu, gelu, silu };

}  // namespace mlpjit::bench
