#pragma once
// A program under construction. A candidate node is tried on the values at hand; one that the type
// rules refuse is dropped and another tried, so that the generator knows no rule twice.

#include <functional>

#include "test/differential/program.h"

namespace mlpjit::differential {

constexpr std::int64_t kMaxElements = 4096;

// Sizes, shapes and tensors as the generator likes them.
std::int64_t any_dim(Choices& choices);
Shape any_shape(Choices& choices);
Tensor any_tensor(Choices& choices, const Shape& shape);
Tensor any_floats_of(Choices& choices, DType dtype, const Shape& shape);

// One list of nodes, with the values in scope as they stand after them.
class Builder {
 public:
  Builder(Choices& from, Program& whole, Features what)
      : choices(from), program(whole), features(what) {}
  // The nodes of a body of a node of `around`; works on copies of all that it sees.
  Builder(Builder& around, const Tensors& parameters, Features what);

  Choices& choices;
  Program& program;  // whose inputs grow
  Features features;
  std::vector<Node> nodes;
  Environment environment;
  bool failing = false;  // the last node fails at run time

  int depth() const { return outer_ == nullptr ? 0 : outer_->depth() + 1; }
  const Tensor& value(ValueIndex i) const { return environment.at(i); }
  ValueIndex first_value() const { return -static_cast<ValueIndex>(environment.inputs.size()); }
  ValueIndex end_value() const { return static_cast<ValueIndex>(environment.values.size()); }

  // Recent values twice as likely: deep programs rather than wide ones.
  ValueIndex any_value();
  ValueIndex any_of(const std::function<bool(const Tensor&)>& wanted);
  ValueIndex add_input(const Tensor& value, ir::InputKind kind = ir::InputKind::argument);
  // An input of any kind.
  ValueIndex add_weight(const Tensor& value);

  // True when the node took its arguments; a failure at run time ends the program there, seldom.
  bool try_node(Node node);
  // The nodes as a body that gives `results`.
  Body body(std::size_t parameters, std::vector<ValueIndex> results);

 private:
  Builder* outer_ = nullptr;
};

// One node of the kinds that only compute, and one of the others. The node may turn out not to fit.
Node pure_node(Builder& b);
Node unary_node_of(Choices& choices, ValueIndex x);
Node binary_node_of(Choices& choices, ValueIndex left, ValueIndex right);
Node any_node(Builder& b);
Node control_node(Builder& b);
Node update_node(Builder& b);
Node draw_node(Builder& b);
Node print_node(Builder& b);
Node made_node(Builder& b);

// Adds nodes until there are `wanted`, or nothing fits.
void grow(Builder& b, std::size_t wanted);

// A node that makes a value of this type of any other: from its first element.
Node fit_node(ValueIndex from, DType dtype, const Shape& shape);

inline Tensors one(Tensor x) {
  return {std::move(x)};
}

}  // namespace mlpjit::differential
