#include "test/differential/program.h"

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "src/record/tensor_impl.h"

namespace mlpjit::differential {

std::uint64_t Choices::below(std::uint64_t n) {
  if (!fuzzed_) return random_() % n;
  std::uint64_t value = 0;
  for (int i = 0; i < (n > 256 ? 2 : 1); ++i) {
    value = value << 8 | (next_ < bytes_.size() ? bytes_[next_++] : 0);
  }
  return value % n;
}

bool has_effect(const Node& node) {
  return node.effect || std::any_of(node.bodies.begin(), node.bodies.end(), [](const Body& body) {
           return std::any_of(body.nodes.begin(), body.nodes.end(), has_effect);
         });
}

namespace {

// More rounds than any generated loop makes: a program that the minimiser made may loop for ever.
constexpr int kMostRounds = 1000;

void run_nodes(const std::vector<Node>& nodes, Environment& environment) {
  for (const Node& node : nodes) {
    for (Tensor& result : run_node(node, environment)) {
      environment.values.push_back(std::move(result));
    }
  }
}

Tensors results_of(const std::vector<ValueIndex>& indices, const Environment& environment) {
  Tensors results;
  for (ValueIndex i : indices) results.push_back(environment.at(i));
  return results;
}

void print_nodes(std::ostream& out, const std::vector<Node>& nodes, ValueIndex next, int indent);

void print_values(std::ostream& out, const std::vector<ValueIndex>& values) {
  for (ValueIndex i : values) {
    if (i < 0) {
      out << " x" << -1 - i;
    } else {
      out << " v" << i;
    }
  }
}

void print_body(std::ostream& out, const Body& body, ValueIndex next, int indent) {
  out << std::string(static_cast<std::size_t>(indent), ' ') << "{";
  for (std::size_t i = 0; i < body.parameters; ++i) {
    out << (i > 0 ? ", v" : " (v") << next++ << (i + 1 == body.parameters ? ")" : "");
  }
  out << "\n";
  print_nodes(out, body.nodes, next, indent + 2);
  out << std::string(static_cast<std::size_t>(indent) + 2, ' ') << "yield";
  print_values(out, body.results);
  out << "\n" << std::string(static_cast<std::size_t>(indent), ' ') << "}\n";
}

void print_nodes(std::ostream& out, const std::vector<Node>& nodes, ValueIndex next, int indent) {
  for (const Node& node : nodes) {
    const ValueIndex first = next;
    out << std::string(static_cast<std::size_t>(indent), ' ');
    for (std::size_t i = 0; i < node.results; ++i) out << (i > 0 ? ", v" : "v") << next++;
    out << (node.results > 0 ? " = " : "") << node.label;
    print_values(out, node.arguments);
    out << "\n";
    for (const Body& body : node.bodies) print_body(out, body, first, indent + 2);
  }
}

}  // namespace

Tensors run_node(const Node& node, const Environment& environment) {
  const Tensors arguments = results_of(node.arguments, environment);
  if (!node.control) return node.apply(arguments);
  std::vector<BodyFunction> bodies;
  int rounds = 0;
  for (const Body& body : node.bodies) {
    bodies.push_back([&](const Tensors& parameters) {
      if (++rounds > kMostRounds) throw UserError("the program loops for too long");
      Environment inside = environment;
      inside.values.insert(inside.values.end(), parameters.begin(), parameters.end());
      run_nodes(body.nodes, inside);
      return results_of(body.results, inside);
    });
  }
  return node.control(arguments, bodies);
}

Tensors run(const Program& program, const Tensors& inputs) {
  Environment environment{inputs, {}};
  run_nodes(program.nodes, environment);
  return results_of(program.outputs, environment);
}

std::string to_string(const Program& program) {
  std::ostringstream out;
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    const Input& input = program.inputs[i];
    out << "x" << i << ": " << input.value.dtype() << input.value.shape();
    if (input.kind != ir::InputKind::argument) out << " " << ir::to_string(input.kind);
    if (input.same_as != SIZE_MAX) out << " same as x" << input.same_as;
    out << "\n";
  }
  print_nodes(out, program.nodes, 0, 0);
  out << "outputs:";
  print_values(out, program.outputs);
  return out.str() + "\n";
}

Environment copy_of(const Environment& environment) {
  std::unordered_map<const detail::TensorImpl*, Tensor> copies;
  const auto copy_all = [&](const Tensors& tensors) {
    Tensors all;
    for (const Tensor& tensor : tensors) {
      Tensor& copy = copies[detail::TensorAccess::impl(tensor).get()];
      if (!copy.defined()) copy = tensor.copy();
      all.push_back(copy);
    }
    return all;
  };
  Environment copy;
  copy.inputs = copy_all(environment.inputs);
  copy.values = copy_all(environment.values);
  return copy;
}

}  // namespace mlpjit::differential
