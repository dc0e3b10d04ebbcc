#pragma once
// A network with most of what a symbol file can hold.

#include <cmath>

#include "mlpjit/mlpjit.h"

namespace mlpjit::test {

struct Everything : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(6, {.activation = "gelu", .in_units = 4}));
  nn::BatchNorm norm = child("norm", nn::BatchNorm({.in_units = 6}));
  nn::Dense tied = child("tied", nn::Dense(6, {.activation = "tanh", .in_units = 6}));
  nn::Dense again = child("again", tied);
  Tensor calls = zeros({1}, DType::i64);
  Tensor table = reshape(arange(0, 160), {40, 4});

  Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
    calls += 1;
    const Tensor x = F.concat({in[0] * 0.5, F.gather(table, in[1])}, 1).slice(1, 0, 4);
    Tensor h = again(tied(norm(hidden(x))));
    h = cond(
        F.max(in[1]) > 20, [](const Tensor& t) { return t * 2.0; },
        [](const Tensor& t) { return t + random::normal(t.shape()); }, {h})[0];
    const Tensors looped =
        while_loop([](const Tensor& n, const Tensor&) { return n < 3; },
                   [&](const Tensor& n, const Tensor& t) { return Tensors{n + 1, tied(t)}; },
                   {F.cast(calls, DType::i64).slice(0, 0, 1), h});
    return {F.softmax(looped[1]), F.argmax(h, 1), calls, F.clip(h, -INFINITY, 0.25)};
  }
};

inline Tensors everything_inputs(std::int64_t batch) {
  Tensor words = cast(arange(0, batch) * 7.0, DType::i64);
  return {reshape(arange(0, batch * 4), {batch, 4}) * 0.03125, remainder(words, 40)};
}

}  // namespace mlpjit::test
