// Branches and loops. A body is made on copies of the values it will first see; its results are
// brought to the types that they must have.

#include <algorithm>

#include "test/differential/builder.h"

namespace mlpjit::differential {

Node fit_node(ValueIndex from, DType dtype, const Shape& shape) {
  return {"fit(" + to_string(TensorSpec{dtype, shape}) + ")",
          {from},
          1,
          [dtype, shape](const Tensors& a) {
            if (a[0].size() == 0) return one(zeros(shape, dtype));
            const Tensor first = reshape(slice(reshape(a[0], {-1}), 0, 0, 1), {});
            return one(broadcast_to(cast(first, dtype), shape));
          }};
}

namespace {

constexpr std::int64_t kMaxLength = 17;

bool has_type(const Tensor& value, const TensorSpec& type) {
  return value.dtype() == type.dtype && value.shape() == type.shape;
}

TensorSpec type_of(const Tensor& value) {
  return {value.dtype(), value.shape()};
}

// A value of the type: a recent one, or one made to fit.
ValueIndex value_of_type(Builder& b, const TensorSpec& type) {
  const bool made = b.choices.chance(20);
  if (made && b.try_node(fit_node(b.any_value(), type.dtype, type.shape))) return b.end_value() - 1;
  for (int tries = 0; tries < 8; ++tries) {
    const ValueIndex v = b.any_value();
    if (has_type(b.value(v), type)) return v;
  }
  for (ValueIndex v = b.end_value(); v-- > b.first_value();) {
    if (has_type(b.value(v), type)) return v;
  }
  b.try_node(fit_node(b.any_value(), type.dtype, type.shape));
  return b.end_value() - 1;
}

// A small integer of the data at hand, or a constant.
ValueIndex small_integer(Builder& b, DType dtype) {
  if (b.choices.chance(40)) {
    const auto start = static_cast<std::int64_t>(b.choices.below(3));
    b.try_node({"integer(" + std::to_string(start) + ")", {}, 1, [=](const Tensors&) {
                  return one(full({}, start, dtype));
                }});
  } else {
    b.try_node(fit_node(b.any_value(), DType::f32, {}));
    b.try_node({"small_integer", {b.end_value() - 1}, 1, [=](const Tensors& a) {
                  return one(clip(cast(a[0], dtype), -2, 4));
                }});
  }
  return b.end_value() - 1;
}

// A truth about some value.
ValueIndex truth(Builder& b) {
  b.try_node(fit_node(b.any_value(), DType::f32, {}));
  static const std::vector<double> kThresholds = {0, -0.5, 1, 3};
  const double threshold = b.choices.pick(kThresholds);
  const bool below = b.choices.chance(50);
  b.try_node({(below ? "<" : ">=") + std::to_string(threshold),
              {b.end_value() - 1},
              1,
              [=](const Tensors& a) {
                return one(below ? a[0] < Tensor(threshold) : a[0] >= Tensor(threshold));
              }});
  return b.end_value() - 1;
}

std::vector<ValueIndex> any_values(Builder& b, std::size_t most) {
  std::vector<ValueIndex> values;
  for (std::size_t i = b.choices.below(most + 1); i > 0; --i) values.push_back(b.any_value());
  return values;
}

Tensors values_of(const Builder& b, const std::vector<ValueIndex>& indices) {
  Tensors values;
  for (ValueIndex i : indices) values.push_back(b.value(i));
  return values;
}

std::size_t body_size(Builder& b) {
  return b.choices.below(b.depth() == 0 ? 6 : 4);
}

bool changes_tensors(const std::vector<Node>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
    return (node.effect && node.results == 0) ||
           std::any_of(node.bodies.begin(), node.bodies.end(),
                       [](const Body& body) { return changes_tensors(body.nodes); });
  });
}

Tensors without_first(const Tensors& tensors) {
  return {tensors.begin() + 1, tensors.end()};
}

Node cond_node(Builder& b) {
  std::vector<ValueIndex> arguments{b.any_of([](const Tensor& t) { return t.size() == 1; })};
  if (b.value(arguments[0]).size() != 1 || b.choices.chance(50)) arguments[0] = truth(b);
  for (ValueIndex v : any_values(b, 2)) arguments.push_back(v);
  const Tensors operands = without_first(values_of(b, arguments));

  Builder then(b, operands, b.features);
  grow(then, body_size(b));
  std::vector<ValueIndex> then_results = any_values(then, 3);
  Builder otherwise(b, operands, b.features);  // now that the inputs that `then` added are there
  grow(otherwise, body_size(b));
  std::vector<ValueIndex> other_results;
  for (const Tensor& value : values_of(then, then_results))
    other_results.push_back(value_of_type(otherwise, type_of(value)));
  return {"cond",
          std::move(arguments),
          1,
          {},
          false,
          {then.body(operands.size(), std::move(then_results)),
           otherwise.body(operands.size(), std::move(other_results))},
          [](const Tensors& a, const std::vector<BodyFunction>& bodies) {
            return cond(a[0], bodies[0], bodies[1], without_first(a));
          }};
}

// The condition: the counter is below a limit, or a truth about the state, or both.
Body condition_body(Builder& b, const Tensors& state, bool counted) {
  Builder test(b, state, Features::pure);
  const ValueIndex first = b.end_value();
  ValueIndex result = 0;
  if (!counted || b.choices.chance(20)) {
    grow(test, b.choices.below(3));
    result = truth(test);
  }
  if (counted) {
    const bool both = !test.nodes.empty();
    const auto limit = static_cast<std::int64_t>(b.choices.below(6));
    test.try_node({"<" + std::to_string(limit), {first}, 1, [=](const Tensors& a) {
                     return one(a[0] < Tensor(limit));
                   }});
    if (both) {
      test.try_node({"and", {result, test.end_value() - 1}, 1, [](const Tensors& a) {
                       return one(logical_and(a[0], a[1]));
                     }});
    }
    result = test.end_value() - 1;
  }
  return test.body(state.size(), {result});
}

// The round: what it gives for the state has the types of the state; a counter goes up.
Body round_body(Builder& b, const Tensors& state, bool counted) {
  Builder round(b, state, b.features);
  grow(round, 1 + body_size(b));
  std::vector<ValueIndex> results;
  for (std::size_t i = 0; i < state.size(); ++i) {
    if (i > 0 || !counted) {
      results.push_back(value_of_type(round, type_of(state[i])));
      continue;
    }
    const ValueIndex by = b.choices.chance(30) ? truth(round) : b.end_value();
    round.try_node({"+1", {b.end_value(), by}, 1, [](const Tensors& a) {
                      if (a[1].dtype() != DType::boolean) return one(a[0] + 1);
                      return one(a[0] + 1 + cast(a[1], a[0].dtype()));
                    }});
    results.push_back(round.end_value() - 1);
  }
  return round.body(state.size(), std::move(results));
}

Node while_node(Builder& b) {
  const bool counted = b.choices.chance(65);
  std::vector<ValueIndex> arguments;
  if (counted) {
    arguments.push_back(small_integer(b, b.choices.chance(50) ? DType::i64 : DType::i32));
    for (ValueIndex v : any_values(b, 2)) arguments.push_back(v);
  } else {
    arguments = any_values(b, 2);
    arguments.push_back(b.any_value());
  }
  const Tensors state = values_of(b, arguments);
  Body test = condition_body(b, state, counted);
  Body round = round_body(b, state, counted);
  // Without a limit only where the counter is sure to go up.
  const bool limited = !counted || changes_tensors(round.nodes) || b.choices.chance(30);
  const std::int64_t limit = limited ? static_cast<std::int64_t>(b.choices.below(6)) : -1;
  return {"while_loop(max " + std::to_string(limit) + ")",
          std::move(arguments),
          1,
          {},
          false,
          {std::move(test), std::move(round)},
          [limit](const Tensors& a, const std::vector<BodyFunction>& bodies) {
            return while_loop(bodies[0], bodies[1], a, limit);
          }};
}

// Something to scan over.
ValueIndex sequence(Builder& b) {
  const auto fits = [](const Tensor& t) {
    return t.rank() >= 1 && t.shape()[0].value() <= kMaxLength;
  };
  const ValueIndex v = b.any_of(fits);
  if (fits(b.value(v)) && b.choices.chance(60)) return v;
  static const std::vector<std::int64_t> kLengths = {0, 1, 2, 3, 5, 9};
  Shape shape{b.choices.pick(kLengths)};
  for (std::size_t i = b.choices.below(3); i > 0; --i)
    shape.push_back(1 + static_cast<std::int64_t>(b.choices.below(9)));
  return b.add_weight(any_tensor(b.choices, shape));
}

// What the body sees of the sequences first.
Tensors entries_of(const Tensors& sequences) {
  Tensors entries;
  for (const Tensor& xs : sequences) {
    std::vector<Dim> dims;
    for (int d = 1; d < xs.rank(); ++d) dims.push_back(xs.shape()[d]);
    if (xs.shape()[0].value() == 0) {
      entries.push_back(cast(broadcast_to(tensor(1), Shape(dims)), xs.dtype()));
    } else {
      entries.push_back(reshape(slice(xs, 0, 0, 1), Shape(dims)));
    }
  }
  return entries;
}

Node scan_node(Builder& b) {
  std::vector<ValueIndex> arguments = any_values(b, 2);
  const std::size_t carried = arguments.size();
  arguments.push_back(sequence(b));
  const Shape shape = b.value(arguments.back()).shape();
  if (b.choices.chance(30)) {
    arguments.push_back(
        b.any_of([&](const Tensor& t) { return t.rank() >= 1 && t.shape()[0] == shape[0]; }));
    const Tensor& second = b.value(arguments.back());
    if (second.rank() == 0 || !(second.shape()[0] == shape[0])) arguments.pop_back();
  }
  const Tensors given = values_of(b, arguments);
  const auto middle = given.begin() + static_cast<std::ptrdiff_t>(carried);
  Tensors parameters(given.begin(), middle);
  for (const Tensor& entry : entries_of(Tensors(middle, given.end()))) parameters.push_back(entry);

  Builder round(b, parameters, b.features);
  grow(round, 1 + body_size(b));
  std::vector<ValueIndex> results;
  for (std::size_t i = 0; i < carried; ++i)
    results.push_back(value_of_type(round, type_of(given[i])));
  for (ValueIndex v : any_values(round, 2)) results.push_back(v);
  return {"scan(" + std::to_string(carried) + ")",
          std::move(arguments),
          1,
          {},
          false,
          {round.body(parameters.size(), std::move(results))},
          [carried](const Tensors& a, const std::vector<BodyFunction>& bodies) {
            const auto first = static_cast<std::ptrdiff_t>(carried);
            const auto body = [&](const Tensors& carry, const Tensors& entry) {
              Tensors all = carry;
              all.insert(all.end(), entry.begin(), entry.end());
              const Tensors results = bodies[0](all);
              return std::pair(Tensors(results.begin(), results.begin() + first),
                               Tensors(results.begin() + first, results.end()));
            };
            auto [carry, ys] = scan(body, Tensors(a.begin(), a.begin() + first),
                                    Tensors(a.begin() + first, a.end()));
            carry.insert(carry.end(), ys.begin(), ys.end());
            return carry;
          }};
}

}  // namespace

Node control_node(Builder& b) {
  const random::State stream = random::state();  // what the bodies draw now is drawn again later
  const auto kind = b.choices.below(10);
  Node node = kind < 4 ? cond_node(b) : kind < 7 ? while_node(b) : scan_node(b);
  random::set_state(stream);
  return node;
}

}  // namespace mlpjit::differential
