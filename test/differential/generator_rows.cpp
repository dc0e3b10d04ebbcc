// Programs that treat each row alike: their batch can be split and put together again.

#include "test/differential/builder.h"
#include "test/programs/captured_output.h"

namespace mlpjit::differential {
namespace {

// Input 0 is the batch; the others are weights. All values of nodes are rows.
ValueIndex any_rows(Builder& b) {
  for (int i = 0; i < 12; ++i) {
    const auto back =
        static_cast<ValueIndex>(b.choices.below(static_cast<std::uint64_t>(b.end_value()) + 1));
    const ValueIndex v = b.end_value() - 1 - back;
    if (b.value(v).dtype() == DType::f32) return v;
  }
  return input_index(0);
}

ValueIndex weight(Builder& b, const Shape& shape) {
  return b.add_input(any_floats_of(b.choices, DType::f32, shape),
                     b.choices.chance(50) ? ir::InputKind::parameter : ir::InputKind::capture);
}

std::int64_t width(Builder& b, ValueIndex x) {
  return b.value(x).shape()[-1].value();
}

Node dense_rows(Builder& b) {
  const ValueIndex x = any_rows(b);
  const std::int64_t n = any_dim(b.choices);
  const ValueIndex w = weight(b, {n, width(b, x)}), bias = weight(b, {n});
  return {"dense", {x, w, bias}, 1, [](const Tensors& a) { return one(dense(a[0], a[1], a[2])); }};
}

Node norm_rows(Builder& b) {
  const ValueIndex x = any_rows(b);
  switch (b.choices.below(4)) {
    case 0: return {"softmax", {x}, 1, [](const Tensors& a) { return one(softmax(a[0])); }};
    case 1: return {"log_softmax", {x}, 1, [](const Tensors& a) { return one(log_softmax(a[0])); }};
    case 2: return {"mean", {x}, 1, [](const Tensors& a) { return one(mean(a[0], {-1}, true)); }};
    default: {
      const ValueIndex gamma = weight(b, {width(b, x)}), beta = weight(b, {width(b, x)});
      return {"layer_norm", {x, gamma, beta}, 1, [](const Tensors& a) {
                return one(layer_norm(a[0], a[1], a[2]));
              }};
    }
  }
}

// One of two networks by a weight, or one a few times over.
Node control_rows(Builder& b) {
  const ValueIndex x = any_rows(b);
  const std::int64_t n = width(b, x);
  const ValueIndex w = weight(b, {n, n}), steer = weight(b, {1});
  if (b.choices.chance(50)) {
    return {"cond", {x, w, steer}, 1, [](const Tensors& a) {
              return cond(
                  a[2] > 0, [&](Tensor rows) { return relu(dense(rows, a[1])); },
                  [](Tensor rows) { return rows * 0.5; }, {a[0]});
            }};
  }
  return {"while_loop", {x, w, steer}, 1, [](const Tensors& a) {
            const Tensors last = while_loop([](Tensor i, Tensor) { return i < 3; },
                                            [&](Tensor i, Tensor rows) {
                                              return Tensors{i + 1, tanh(dense(rows, a[1]) + a[2])};
                                            },
                                            {Tensor(0), a[0]});
            return one(last[1]);
          }};
}

Node row_by_row_node(Builder& b) {
  const ValueIndex x = any_rows(b);
  const auto kind = b.choices.below(100);
  if (kind < 25) {
    Node node = unary_node_of(b.choices, x);
    return node.label == "transpose" || node.label == "squeeze" ? dense_rows(b) : node;
  }
  if (kind < 45) {
    const ValueIndex y = any_rows(b);
    return binary_node_of(b.choices, x, b.value(y).shape() == b.value(x).shape() ? y : x);
  }
  if (kind < 65) return dense_rows(b);
  if (kind < 75) return norm_rows(b);
  if (kind < 85) return control_rows(b);
  if (kind < 90) {
    return {"concat", {x, any_rows(b)}, 1, [](const Tensors& a) { return one(concat(a, 1)); }};
  }
  if (kind < 95) {
    const auto begin =
        static_cast<std::int64_t>(b.choices.below(static_cast<std::uint64_t>(width(b, x)) + 1));
    return {"slice", {x}, 1, [=](const Tensors& a) { return one(slice(a[0], 1, begin, 1000)); }};
  }
  return {"copy and update", {x, weight(b, {1})}, 1, [](const Tensors& a) {
            Tensor copy = a[0].copy();
            copy *= a[1];
            copy += copy;
            return one(copy);
          }};
}

}  // namespace

Program generate_row_by_row(Choices& choices, std::int64_t rows, std::size_t nodes) {
  const random::StreamScope stream(kStreamSeed);
  const test::CapturedOutput silence;
  Program program;
  Builder b(choices, program, Features::all);
  b.add_input(any_floats_of(choices, DType::f32, {rows, any_dim(choices)}));
  const std::size_t wanted = 1 + choices.below(nodes);
  for (std::size_t tries = 0; b.nodes.size() < wanted && tries < 8 * wanted; ++tries)
    b.try_node(row_by_row_node(b));
  for (ValueIndex v = -1; v < b.end_value(); ++v) {
    if (v + 3 >= b.end_value() || choices.chance(20)) program.outputs.push_back(v);
  }
  program.nodes = std::move(b.nodes);
  return program;
}

}  // namespace mlpjit::differential
