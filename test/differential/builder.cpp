#include "test/differential/builder.h"

#include <algorithm>

#include "test/programs/captured_output.h"

namespace mlpjit::differential {

Builder::Builder(Builder& around, const Tensors& parameters, Features what)
    : choices(around.choices), program(around.program), features(what), outer_(&around) {
  environment = around.environment;
  environment.values.insert(environment.values.end(), parameters.begin(), parameters.end());
  environment = copy_of(environment);
}

ValueIndex Builder::any_value() {
  const auto n = static_cast<std::uint64_t>(end_value() - first_value());
  const std::uint64_t back = choices.below(choices.chance(50) ? std::min<std::uint64_t>(n, 3) : n);
  return end_value() - 1 - static_cast<ValueIndex>(back);
}

ValueIndex Builder::any_of(const std::function<bool(const Tensor&)>& wanted) {
  for (int i = 0; i < 12; ++i) {
    const ValueIndex v = any_value();
    if (wanted(value(v))) return v;
  }
  return any_value();
}

ValueIndex Builder::add_input(const Tensor& value, ir::InputKind kind) {
  program.inputs.push_back({value, kind});
  for (Builder* b = this; b != nullptr; b = b->outer_)
    b->environment.inputs.push_back(value.copy());
  return input_index(program.inputs.size() - 1);
}

ValueIndex Builder::add_weight(const Tensor& value) {
  const auto kind = choices.below(10);
  return add_input(value, kind < 6   ? ir::InputKind::argument
                          : kind < 8 ? ir::InputKind::parameter
                                     : ir::InputKind::capture);
}

bool Builder::try_node(Node node) {
  const random::State before = random::state();
  const auto too_large = [](const Tensor& t) { return t.size() > kMaxElements; };
  Tensors results;
  try {
    if (node.control) {  // may fail half way through its updates: on copies first
      results = run_node(node, copy_of(environment));
      random::set_state(before);
      if (std::any_of(results.begin(), results.end(), too_large)) return false;
    }
    results = run_node(node, environment);
  } catch (const ValueError&) {
    random::set_state(before);
    if (outer_ != nullptr || !choices.chance(10)) return false;
    failing = true;
    node.results = 1;
    nodes.push_back(std::move(node));
    return true;
  } catch (const UserError&) {
    random::set_state(before);
    return false;
  }
  if (!has_effect(node) && std::any_of(results.begin(), results.end(), too_large)) return false;
  node.results = results.size();
  nodes.push_back(std::move(node));
  environment.values.insert(environment.values.end(), results.begin(), results.end());
  return true;
}

Body Builder::body(std::size_t parameters, std::vector<ValueIndex> results) {
  return {parameters, std::move(nodes), std::move(results)};
}

Node any_node(Builder& b) {
  if (b.features == Features::pure) return pure_node(b);
  const auto kind = b.choices.below(100);
  if (kind < 9 && b.depth() < 3) return control_node(b);
  if (kind < 18) return update_node(b);
  if (kind < 24) return draw_node(b);
  if (kind < 26) return print_node(b);
  if (kind < 32) return made_node(b);
  return pure_node(b);
}

namespace {

void add_inputs(Builder& b) {
  const std::size_t inputs = 1 + b.choices.below(3);
  Shape shape = any_shape(b.choices);
  for (std::size_t i = 0; i < inputs; ++i) {
    const bool plain = b.features == Features::pure || i == 0 || b.choices.chance(70);
    b.add_input(any_tensor(b.choices, shape),
                plain ? ir::InputKind::argument : ir::InputKind::capture);
    if (!plain && b.choices.chance(50)) {  // the tensor of an earlier input once more
      Input& input = b.program.inputs.back();
      input.same_as = b.choices.below(i);
      input.value = b.program.inputs[input.same_as].value;
      input.kind = b.choices.chance(50) ? ir::InputKind::argument : ir::InputKind::capture;
      b.environment.inputs.back() = b.environment.inputs[input.same_as];
    }
    if (b.choices.chance(50)) shape = any_shape(b.choices);
  }
}

// The last value, a few others, now and then an input as it is, and one value twice.
std::vector<ValueIndex> any_outputs(Builder& b) {
  if (b.failing && !b.nodes.back().control) return {b.end_value()};
  std::vector<ValueIndex> outputs{b.end_value() - 1};
  const auto count = static_cast<std::uint64_t>(b.end_value() - b.first_value());
  for (std::size_t i = b.choices.below(8); i > 0; --i)
    outputs.push_back(b.first_value() + static_cast<ValueIndex>(b.choices.below(count)));
  return outputs;
}

}  // namespace

void grow(Builder& b, std::size_t wanted) {
  for (std::size_t tries = 0; b.nodes.size() < wanted && !b.failing && tries < 8 * wanted;
       ++tries) {
    b.try_node(any_node(b));
  }
}

Program generate(Choices& choices, std::size_t nodes, Features features) {
  const random::StreamScope stream(kStreamSeed);
  const test::CapturedOutput silence;
  Program program;
  if (choices.chance(30)) features = Features::pure;
  Builder b(choices, program, features);
  add_inputs(b);
  grow(b, 1 + choices.below(nodes));
  program.outputs = any_outputs(b);
  program.nodes = std::move(b.nodes);
  return program;
}

}  // namespace mlpjit::differential
