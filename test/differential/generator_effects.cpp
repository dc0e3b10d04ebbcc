// Updates in place, draws, prints, and tensors made inside the program.

#include "src/record/tensor_impl.h"
#include "test/differential/builder.h"

namespace mlpjit::differential {
namespace {

using Compound = void (*)(Tensor, const Tensor&);
struct NamedCompound {
  const char* name;
  Compound whole;
  void (*slice)(const TensorSlice&, const Tensor&);
};
#define MLPJIT_COMPOUND(op)                                   \
  NamedCompound {                                             \
    #op, [](Tensor a, const Tensor& b) { a op b; },           \
        [](const TensorSlice& a, const Tensor& b) { a op b; } \
  }
const std::vector<NamedCompound> kCompound = {MLPJIT_COMPOUND(+=), MLPJIT_COMPOUND(-=),
                                              MLPJIT_COMPOUND(*=), MLPJIT_COMPOUND(/=)};
#undef MLPJIT_COMPOUND

Node update(std::string label, std::vector<ValueIndex> arguments,
            std::function<void(const Tensors&)> apply) {
  return {std::move(label), std::move(arguments), 0,
          [apply = std::move(apply)](const Tensors& a) {
            apply(a);
            return Tensors{};
          },
          true};
}

Node slice_update_node(Builder& b, ValueIndex target, ValueIndex other) {
  const Tensor value = b.value(target);
  const int axis = static_cast<int>(b.choices.below(static_cast<unsigned>(value.rank())));
  const auto size = static_cast<std::uint64_t>(value.shape()[axis].value());
  const auto begin = static_cast<std::int64_t>(b.choices.below(size + 1));
  const auto end = begin + static_cast<std::int64_t>(
                               b.choices.below(size + 1 - static_cast<std::uint64_t>(begin)));
  const std::int64_t step = b.choices.chance(70) ? 1 : 2;
  const std::string label = "slice(" + std::to_string(axis) + ", " + std::to_string(begin) + ", " +
                            std::to_string(end) + ", " + std::to_string(step) + ")";
  switch (b.choices.below(4)) {
    case 0:
      return update(label + "=2", {target},
                    [=](const Tensors& a) { a[0].slice(axis, begin, end, step).assign(2); });
    case 1:  // a part of another tensor, or of itself
      return update(label + "=part of", {target, other}, [=](const Tensors& a) {
        const Tensor part = slice(reshape(a[1], {-1}), 0, 0, 1);
        a[0].slice(axis, begin, end, step).assign(part);
      });
    case 2: {
      const NamedCompound& op = b.choices.pick(kCompound);
      return update(label + op.name, {target, other}, [=, fn = op.slice](const Tensors& a) {
        fn(a[0].slice(axis, begin, end, step), reshape(slice(reshape(a[1], {-1}), 0, 0, 1), {}));
      });
    }
    default:  // overlapping itself
      return update(label + "=from the front", {target}, [=](const Tensors& a) {
        const TensorSlice place = a[0].slice(axis, begin, end, step);
        place.assign(a[0].slice(axis, 0, place.shape()[axis].value()));
      });
  }
}

}  // namespace

Node update_node(Builder& b) {
  const auto inputs = b.environment.inputs.size();
  ValueIndex target = b.choices.chance(50) ? input_index(b.choices.below(inputs)) : b.any_value();
  // A region cannot give a C++ scalar of the outside another dtype: an error while tracing.
  if (b.value(target).is_weak() && b.depth() > 0) target = input_index(0);
  const TensorSpec type{b.value(target).dtype(), b.value(target).shape()};
  const ValueIndex other = b.choices.chance(10) ? target : b.any_of([&](const Tensor& t) {
    return t.dtype() == type.dtype && (t.shape() == type.shape || t.rank() == 0);
  });
  const auto kind = b.choices.below(10);
  if (kind < 4) {
    const NamedCompound& op = b.choices.pick(kCompound);
    return update(op.name, {target, other}, [fn = op.whole](const Tensors& a) { fn(a[0], a[1]); });
  }
  if (kind < 5) {
    const NamedCompound& op = b.choices.pick(kCompound);
    return update(std::string(op.name) + "2", {target},
                  [fn = op.whole](const Tensors& a) { fn(a[0], 2); });
  }
  if (kind < 7 || type.shape.rank() == 0) {
    return update("assign", {target, other}, [](const Tensors& a) { Tensor(a[0]).assign(a[1]); });
  }
  return slice_update_node(b, target, other);
}

Node draw_node(Builder& b) {
  const Shape shape = b.choices.chance(60) ? b.value(b.any_value()).shape() : any_shape(b.choices);
  const DType dtype = b.choices.chance(25) ? DType::f64 : DType::f32;
  const std::string text = "(" + to_string(TensorSpec{dtype, shape}) + ")";
  const auto draw = [](std::string label, std::function<Tensor()> apply) {
    return Node{std::move(label),
                {},
                1,
                [apply = std::move(apply)](const Tensors&) { return one(apply()); },
                true};
  };
  switch (b.choices.below(5)) {
    case 0: return draw("uniform" + text, [=] { return random::uniform(shape, 0, 1, dtype); });
    case 1:
      return draw("uniform from -2 to 3" + text,
                  [=] { return random::uniform(shape, -2, 3, dtype); });
    case 2: return draw("normal" + text, [=] { return random::normal(shape, 0, 1, dtype); });
    case 3:
      return draw("normal(0.5, 2)" + text, [=] { return random::normal(shape, 0.5, 2, dtype); });
    default: {
      const auto as = static_cast<DType>(b.choices.below(kDTypeCount));
      return draw("bernoulli(0.3)(" + to_string(TensorSpec{as, shape}) + ")",
                  [=] { return random::bernoulli(shape, 0.3, as); });
    }
  }
}

Node print_node(Builder& b) {
  const std::string text = "print " + std::to_string(b.choices.below(100)) + ":";
  return update(text, {b.any_value()}, [text](const Tensors& a) { print(text, a[0]); });
}

// A tensor that the program makes: a constant of the trace, a copy, or a second handle.
Node made_node(Builder& b) {
  const ValueIndex x = b.any_value();
  switch (b.choices.below(6)) {
    case 0: return {"copy", {x}, 1, [](const Tensors& a) { return one(a[0].copy()); }};
    case 1: return {"handle", {x}, 1, [](const Tensors& a) { return one(a[0]); }};
    case 2: return {"zeros_like", {x}, 1, [](const Tensors& a) { return one(zeros_like(a[0])); }};
    case 3:  // C++ scalars: of no dtype yet
      if (b.choices.chance(50)) return {"0.7", {}, 1, [](const Tensors&) { return one(0.7); }};
      return {"3", {}, 1, [](const Tensors&) { return one(3); }};
    case 4: {
      const TensorSpec type{b.value(x).dtype(), b.value(x).shape()};
      return {"full(2)", {}, 1, [type](const Tensors&) {
                return one(full(type.shape, 2, type.dtype));
              }};
    }
    default: {
      const Tensor made = any_tensor(b.choices, any_shape(b.choices));
      return {"constant", {}, 1, [made](const Tensors&) {
                const detail::TensorImpl& impl = *detail::TensorAccess::impl(made);
                return one(detail::tensor_from(impl.data(), impl.dtype, impl.shape));
              }};
    }
  }
}

}  // namespace mlpjit::differential
