#pragma once
/// @file
/// Random numbers, counter-based (Philox4x32-10): a value depends on (seed, draw number, element
/// index) only, so that it is the same in every mode, at every thread count. Each thread has a
/// stream of its own.

#include <cstdint>

#include "mlpjit/create.h"
#include "mlpjit/tensor.h"

namespace mlpjit::random {

/// Restarts this thread's stream: the next draw is draw 0 of this seed. While tracing, a
/// TraceError.
MLPJIT_API void seed(std::uint64_t seed);

/// A position in a stream.
struct State {
  std::uint64_t seed = 0;
  std::uint64_t draw = 0;
  friend bool operator==(const State&, const State&) = default;
};
/// This thread's position. A thread that was never seeded starts with its number (0 for the first
/// to draw) as seed.
MLPJIT_API State state();
MLPJIT_API void set_state(const State& state);

/// A stream of its own for a scope of this thread; the former one goes on afterwards.
class MLPJIT_API StreamScope {
 public:
  explicit StreamScope(std::uint64_t seed);
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  State saved_;
};

/// Uniform in [low, high): u * (high - low) + low, u a multiple of 2^-24 (f32) or 2^-53 (f64) in
/// [0, 1).
MLPJIT_API Tensor uniform(const Shape& shape, double low = 0, double high = 1,
                          DType dtype = DType::f32);
/// Normal by Box and Muller: z * deviation + mean.
MLPJIT_API Tensor normal(const Shape& shape, double mean = 0, double deviation = 1,
                         DType dtype = DType::f32);
/// 1 with the given probability, else 0: whether a uniform f32 is below it.
MLPJIT_API Tensor bernoulli(const Shape& shape, double probability = 0.5, DType dtype = DType::f32);

}  // namespace mlpjit::random
