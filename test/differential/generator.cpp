// The nodes that only compute: element-wise ops, contractions, reductions, data movement.

#include <algorithm>
#include <limits>

#include "test/differential/builder.h"

namespace mlpjit::differential {
namespace {

using Unary = Tensor (*)(const Tensor&);
struct NamedUnary {
  const char* name;
  Unary fn;
};
#define MLPJIT_UNARY(name)                                 \
  NamedUnary {                                             \
    #name, [](const Tensor& x) { return mlpjit::name(x); } \
  }
const std::vector<NamedUnary> kUnary = {
    MLPJIT_UNARY(abs),
    MLPJIT_UNARY(sign),
    MLPJIT_UNARY(sqrt),
    MLPJIT_UNARY(rsqrt),
    MLPJIT_UNARY(exp),
    MLPJIT_UNARY(log),
    MLPJIT_UNARY(expm1),
    MLPJIT_UNARY(log1p),
    MLPJIT_UNARY(tanh),
    MLPJIT_UNARY(sigmoid),
    MLPJIT_UNARY(softplus),
    MLPJIT_UNARY(silu),
    MLPJIT_UNARY(erf),
    MLPJIT_UNARY(relu),
    MLPJIT_UNARY(sin),
    MLPJIT_UNARY(cos),
    MLPJIT_UNARY(floor),
    MLPJIT_UNARY(ceil),
    MLPJIT_UNARY(round),
    MLPJIT_UNARY(logical_not),
    MLPJIT_UNARY(transpose),
    MLPJIT_UNARY(squeeze),
    MLPJIT_UNARY(gelu),
    {"gelu(tanh)", [](const Tensor& x) { return gelu(x, {.approximate = true}); }},
    {"negative", [](const Tensor& x) { return -x; }},
    {"leaky_relu(0.1)", [](const Tensor& x) { return leaky_relu(x, 0.1); }},
    {"elu(0.7)", [](const Tensor& x) { return elu(x, 0.7); }},
    {"hardtanh", [](const Tensor& x) { return hardtanh(x, -0.5, 0.75); }},
    {"clip", [](const Tensor& x) { return clip(x, -1, 2); }},
    {"+1", [](const Tensor& x) { return x + 1; }},
    {"*0.1", [](const Tensor& x) { return x * 0.1; }},
    {"2-", [](const Tensor& x) { return 2 - x; }},
};
#undef MLPJIT_UNARY

using Binary = Tensor (*)(const Tensor&, const Tensor&);
struct NamedBinary {
  const char* name;
  Binary fn;
};
#define MLPJIT_BINARY(name)                                                    \
  NamedBinary {                                                                \
    #name, [](const Tensor& a, const Tensor& b) { return mlpjit::name(a, b); } \
  }
#define MLPJIT_OPERATOR(op)                                      \
  NamedBinary {                                                  \
    #op, [](const Tensor& a, const Tensor& b) { return a op b; } \
  }
const std::vector<NamedBinary> kBinary = {
    MLPJIT_OPERATOR(+),         MLPJIT_OPERATOR(-),          MLPJIT_OPERATOR(*),
    MLPJIT_OPERATOR(/),         MLPJIT_OPERATOR(==),         MLPJIT_OPERATOR(!=),
    MLPJIT_OPERATOR(<),         MLPJIT_OPERATOR(<=),         MLPJIT_OPERATOR(>),
    MLPJIT_OPERATOR(>=),        MLPJIT_BINARY(maximum),      MLPJIT_BINARY(minimum),
    MLPJIT_BINARY(pow),         MLPJIT_BINARY(floor_divide), MLPJIT_BINARY(remainder),
    MLPJIT_BINARY(logical_and), MLPJIT_BINARY(logical_or),   MLPJIT_BINARY(logical_xor),
};
#undef MLPJIT_BINARY
#undef MLPJIT_OPERATOR

}  // namespace

Node unary_node_of(Choices& choices, ValueIndex x) {
  const NamedUnary& op = choices.pick(kUnary);
  return {op.name, {x}, 1, [fn = op.fn](const Tensors& a) { return one(fn(a[0])); }};
}

Node binary_node_of(Choices& choices, ValueIndex left, ValueIndex right) {
  const NamedBinary& op = choices.pick(kBinary);
  return {
      op.name, {left, right}, 1, [fn = op.fn](const Tensors& a) { return one(fn(a[0], a[1])); }};
}

namespace {

Node unary_node(Builder& b) {
  return unary_node_of(b.choices, b.any_value());
}

// With numbers that simplifications look for.
Node scalar_node(Builder& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static const std::vector<double> kNumbers = {
      0, -0.0, 1, -1, 2, 0.5, 3, -8, kInfinity, std::numeric_limits<double>::quiet_NaN()};
  const NamedBinary& op = b.choices.pick(kBinary);
  const double number = b.choices.pick(kNumbers);
  const bool first = b.choices.chance(25);
  return {first ? std::to_string(number) + " " + op.name : op.name + (" " + std::to_string(number)),
          {b.any_value()},
          1,
          [fn = op.fn, number, first](const Tensors& a) {
            const Tensor scalar = cast(Tensor(number), a[0].dtype());
            return one(first ? fn(scalar, a[0]) : fn(a[0], scalar));
          }};
}

Node binary_node(Builder& b) {
  if (b.choices.chance(25)) return scalar_node(b);
  const ValueIndex left = b.any_value();
  const DType dtype = b.value(left).dtype();
  return binary_node_of(b.choices, left,
                        b.any_of([&](const Tensor& t) { return t.dtype() == dtype; }));
}

Node where_node(Builder& b) {
  const ValueIndex condition =
      b.any_of([](const Tensor& t) { return t.dtype() == DType::boolean; });
  const ValueIndex left = b.any_value();
  const DType dtype = b.value(left).dtype();
  const ValueIndex right = b.any_of([&](const Tensor& t) { return t.dtype() == dtype; });
  return {"where", {condition, left, right}, 1, [](const Tensors& a) {
            return one(where(a[0], a[1], a[2]));
          }};
}

Node cast_node(Builder& b) {
  const auto dtype = static_cast<DType>(b.choices.below(kDTypeCount));
  return {"cast(" + std::string(mlpjit::to_string(dtype)) + ")",
          {b.any_value()},
          1,
          [dtype](const Tensors& a) { return one(cast(a[0], dtype)); }};
}

// A new weight whose K fits the value.
Node dense_node(Builder& b) {
  const ValueIndex x =
      b.any_of([](const Tensor& t) { return t.rank() >= 1 && is_floating(t.dtype()); });
  const Tensor value = b.value(x);
  if (value.rank() == 0 || value.dtype() == DType::boolean) return unary_node(b);
  const std::int64_t k = value.shape()[-1], n = any_dim(b.choices);
  const Shape shape = {n, k};
  if (shape.size() > 16 * kMaxElements) return unary_node(b);
  Tensor w = any_floats_of(b.choices, value.dtype(), shape);
  Tensor bias = any_floats_of(b.choices, value.dtype(), {n});
  const bool biased = b.choices.chance(70);
  const bool baked = b.choices.chance(20);  // weights made during the trace: constants
  if (baked) {
    return {"dense(constant)", {x}, 1, [w, bias, biased](const Tensors& a) {
              return one(biased ? dense(a[0], w.copy(), bias.copy()) : dense(a[0], w.copy()));
            }};
  }
  const ValueIndex wi = b.add_weight(w);
  if (!biased)
    return {"dense", {x, wi}, 1, [](const Tensors& a) { return one(dense(a[0], a[1])); }};
  const ValueIndex bi = b.add_weight(bias);
  return {"dense", {x, wi, bi}, 1, [](const Tensors& a) { return one(dense(a[0], a[1], a[2])); }};
}

Node matmul_node(Builder& b) {
  const ValueIndex x = b.any_of([](const Tensor& t) { return t.rank() >= 1; });
  const Tensor value = b.value(x);
  if (value.rank() == 0 || value.dtype() == DType::boolean) return unary_node(b);
  Shape shape;
  // Batches of right operands, some of one, and more of them than of left ones.
  if (b.choices.chance(40)) {
    if (value.size() < 256 && value.rank() < 6 && b.choices.chance(30)) shape.push_back(2);
    for (int d = 0; d + 2 < value.rank(); ++d)
      shape.push_back(b.choices.chance(25) ? 1 : value.shape()[d].value());
  }
  const std::int64_t k = value.shape()[-1];
  shape.push_back(k);
  if (shape.rank() > 1 || b.choices.chance(80))
    shape.push_back(b.choices.chance(10) ? 1 : std::min<std::int64_t>(any_dim(b.choices), 65));
  if (shape.size() > 8 * kMaxElements) return unary_node(b);
  const ValueIndex w = b.add_weight(any_floats_of(b.choices, value.dtype(), shape));
  return {"matmul", {x, w}, 1, [](const Tensors& a) { return one(matmul(a[0], a[1])); }};
}

Axes any_axes(Choices& choices, int rank) {
  Axes axes;
  for (int d = 0; d < rank; ++d) {
    if (choices.chance(d == rank - 1 ? 70 : 40)) axes.push_back(choices.chance(30) ? d - rank : d);
  }
  return axes;
}

Node reduction_node(Builder& b) {
  using Fn = Tensor (*)(const Tensor&, const Axes&, bool);
  struct Named {
    const char* name;
    Fn fn;
  };
#define MLPJIT_REDUCTION(name)                                                                   \
  Named {                                                                                        \
    #name,                                                                                       \
        [](const Tensor& x, const Axes& axes, bool keep) { return mlpjit::name(x, axes, keep); } \
  }
  static const std::vector<Named> kOps = {MLPJIT_REDUCTION(sum),    MLPJIT_REDUCTION(mean),
                                          MLPJIT_REDUCTION(max),    MLPJIT_REDUCTION(min),
                                          MLPJIT_REDUCTION(var),    MLPJIT_REDUCTION(prod),
                                          MLPJIT_REDUCTION(argmax), MLPJIT_REDUCTION(argmin)};
#undef MLPJIT_REDUCTION
  const Named& op = b.choices.pick(kOps);
  const ValueIndex x = b.any_value();
  const Axes axes = any_axes(b.choices, b.value(x).rank());
  const bool keep = b.choices.chance(50);
  std::string label = op.name + std::string(keep ? "(keepdims, axes" : "(axes");
  for (int a : axes) label += " " + std::to_string(a);
  return {label + ")", {x}, 1, [fn = op.fn, axes, keep](const Tensors& a) {
            return one(fn(a[0], axes, keep));
          }};
}

Node row_node(Builder& b) {
  const ValueIndex x =
      b.any_of([](const Tensor& t) { return t.rank() >= 1 && is_floating(t.dtype()); });
  const Tensor value = b.value(x);
  if (value.rank() == 0 || !is_floating(value.dtype())) return unary_node(b);
  const int axis = b.choices.chance(70)
                       ? -1
                       : static_cast<int>(b.choices.below(static_cast<unsigned>(value.rank())));
  switch (b.choices.below(3)) {
    case 0:
      return {"softmax", {x}, 1, [axis](const Tensors& a) { return one(softmax(a[0], axis)); }};
    case 1:
      return {
          "log_softmax", {x}, 1, [axis](const Tensors& a) { return one(log_softmax(a[0], axis)); }};
    default: {
      const Shape shape = {value.shape()[-1]};
      const ValueIndex gamma = b.add_weight(any_floats_of(b.choices, value.dtype(), shape));
      const ValueIndex beta = b.add_weight(any_floats_of(b.choices, value.dtype(), shape));
      return {"layer_norm", {x, gamma, beta}, 1, [](const Tensors& a) {
                return one(layer_norm(a[0], a[1], a[2]));
              }};
    }
  }
}

Node movement_node(Builder& b) {
  const ValueIndex x = b.any_value();
  const Tensor value = b.value(x);
  const int rank = value.rank();
  if (rank == 0)
    return {"expand_dims", {x}, 1, [](const Tensors& a) { return one(expand_dims(a[0], 0)); }};
  const int axis = static_cast<int>(b.choices.below(static_cast<unsigned>(rank)));
  const std::int64_t size = value.shape()[axis];
  switch (b.choices.below(8)) {
    case 0:
      return {"reshape(-1)", {x}, 1, [](const Tensors& a) { return one(reshape(a[0], {-1})); }};
    case 1: {
      std::vector<int> order(static_cast<std::size_t>(rank));
      for (int d = 0; d < rank; ++d) order[static_cast<std::size_t>(d)] = d;
      for (std::size_t d = order.size(); d > 1; --d)
        std::swap(order[d - 1], order[b.choices.below(d)]);
      return {
          "transpose", {x}, 1, [order](const Tensors& a) { return one(transpose(a[0], order)); }};
    }
    case 2: {
      const auto other =
          b.any_of([&](const Tensor& t) { return t.dtype() == value.dtype() && t.rank() == rank; });
      return {
          "concat", {x, other, x}, 1, [axis](const Tensors& a) { return one(concat(a, axis)); }};
    }
    case 3: return {"stack", {x, x}, 1, [axis](const Tensors& a) { return one(stack(a, axis)); }};
    case 4: {
      const auto first =
          static_cast<std::int64_t>(b.choices.below(static_cast<std::uint64_t>(size) + 1));
      return {"split", {x}, 2, [axis, first, size](const Tensors& a) {
                return split(a[0], std::vector<std::int64_t>{first, size - first}, axis);
              }};
    }
    case 5: {
      const auto begin =
          static_cast<std::int64_t>(b.choices.below(static_cast<std::uint64_t>(size) + 1));
      const std::int64_t step = b.choices.chance(70) ? 1 : 2;
      return {"slice", {x}, 1, [=](const Tensors& a) {
                return one(slice(a[0], axis, begin, size, step));
              }};
    }
    case 6: {
      Shape shape = value.shape();
      if (!b.choices.chance(50)) shape = {3};
      return {"broadcast_to", {x}, 1, [shape](const Tensors& a) {
                return one(broadcast_to(slice(reshape(a[0], {-1}), 0, 0, 1), shape));
              }};
    }
    default: {
      const auto indices = b.any_of([](const Tensor& t) { return is_integer(t.dtype()); });
      if (b.choices.chance(30)) {
        return {"one_hot", {indices}, 1, [](const Tensors& a) {
                  return one(one_hot(clip(a[0], 0, 6), 7));
                }};
      }
      const std::int64_t last = std::max<std::int64_t>(size, 1) - 1;
      return {"gather", {x, indices}, 1, [axis, last](const Tensors& a) {
                return one(gather(a[0], clip(a[1], -last, last), axis));
              }};
    }
  }
}

}  // namespace

Node pure_node(Builder& b) {
  const auto kind = b.choices.below(100);
  if (kind < 30) return unary_node(b);
  if (kind < 52) return binary_node(b);
  if (kind < 58) return where_node(b);
  if (kind < 63) return cast_node(b);
  if (kind < 72) return dense_node(b);
  if (kind < 76) return matmul_node(b);
  if (kind < 86) return reduction_node(b);
  if (kind < 91) return row_node(b);
  return movement_node(b);
}

}  // namespace mlpjit::differential
