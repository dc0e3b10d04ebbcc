#include "test/differential/program.h"

#include <algorithm>
#include <sstream>

namespace mlpjit::differential {

std::uint64_t Choices::below(std::uint64_t n) {
  if (!fuzzed_) return random_() % n;
  std::uint64_t value = 0;
  for (int i = 0; i < (n > 256 ? 2 : 1); ++i) {
    value = value << 8 | (next_ < bytes_.size() ? bytes_[next_++] : 0);
  }
  return value % n;
}

Tensors run(const Program& program, const Tensors& inputs) {
  Tensors values = inputs;
  for (const Node& node : program.nodes) {
    Tensors arguments;
    for (ValueIndex i : node.arguments) arguments.push_back(values[i]);
    for (Tensor& result : node.apply(arguments)) values.push_back(std::move(result));
  }
  Tensors outputs;
  for (ValueIndex i : program.outputs) outputs.push_back(values[i]);
  return outputs;
}

std::string to_string(const Program& program) {
  std::ostringstream out;
  ValueIndex value = 0;
  for (const Tensor& input : program.inputs) {
    out << "v" << value++ << ": " << input.dtype() << input.shape() << "\n";
  }
  for (const Node& node : program.nodes) {
    for (std::size_t i = 0; i < node.results; ++i) out << (i ? ", v" : "v") << value++;
    out << " = " << node.label;
    for (ValueIndex i : node.arguments) out << " v" << i;
    out << "\n";
  }
  out << "outputs:";
  for (ValueIndex i : program.outputs) out << " v" << i;
  return out.str() + "\n";
}

namespace {

std::size_t value_count(const Program& program) {
  std::size_t n = program.inputs.size();
  for (const Node& node : program.nodes) n += node.results;
  return n;
}

// Without the nodes and inputs that nothing needs.
Program without_dead(const Program& program) {
  std::vector<bool> live(value_count(program), false);
  for (ValueIndex i : program.outputs) live[i] = true;
  std::vector<bool> keep(program.nodes.size(), false);
  ValueIndex end = live.size();
  for (std::size_t n = program.nodes.size(); n-- > 0;) {
    const Node& node = program.nodes[n];
    end -= node.results;
    for (std::size_t r = 0; r < node.results; ++r) keep[n] = keep[n] || live[end + r];
    if (keep[n]) {
      for (ValueIndex i : node.arguments) live[i] = true;
    }
  }
  Program out;
  std::vector<ValueIndex> renamed(live.size(), 0);
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    if (!live[i]) continue;
    renamed[i] = out.inputs.size();
    out.inputs.push_back(program.inputs[i]);
  }
  ValueIndex old = program.inputs.size(), next = out.inputs.size();
  for (std::size_t n = 0; n < program.nodes.size(); ++n) {
    Node node = program.nodes[n];
    if (keep[n]) {
      for (std::size_t r = 0; r < node.results; ++r) renamed[old + r] = next++;
      for (ValueIndex& i : node.arguments) i = renamed[i];
      out.nodes.push_back(std::move(node));
    }
    old += program.nodes[n].results;
  }
  for (ValueIndex i : program.outputs) out.outputs.push_back(renamed[i]);
  return out;
}

// Node n replaced by inputs that hold what it gave.
Program cut(const Program& program, std::size_t n) {
  Program probe = program;
  ValueIndex first = program.inputs.size();
  for (std::size_t i = 0; i < n; ++i) first += program.nodes[i].results;
  const std::size_t results = program.nodes[n].results;
  probe.nodes.resize(n + 1);
  probe.outputs.clear();
  for (std::size_t r = 0; r < results; ++r) probe.outputs.push_back(first + r);
  const Tensors values = run(probe, program.inputs);

  Program out = program;
  out.nodes.erase(out.nodes.begin() + static_cast<std::ptrdiff_t>(n));
  const std::size_t inputs = program.inputs.size();
  const auto rename = [&](ValueIndex i) {
    if (i < inputs) return i;
    if (i < first) return i + results;
    if (i < first + results) return inputs + (i - first);
    return i;
  };
  out.inputs.insert(out.inputs.end(), values.begin(), values.end());
  for (Node& node : out.nodes) {
    for (ValueIndex& i : node.arguments) i = rename(i);
  }
  for (ValueIndex& i : out.outputs) i = rename(i);
  return without_dead(out);
}

}  // namespace

Program minimize(Program program, const std::function<bool(const Program&)>& fails) {
  const auto still_fails = [&](const Program& candidate) {
    try {
      return !candidate.outputs.empty() && fails(candidate);
    } catch (const Error&) {
      return false;
    }
  };
  for (std::size_t i = program.outputs.size(); i-- > 0;) {
    Program candidate = program;
    candidate.outputs.erase(candidate.outputs.begin() + static_cast<std::ptrdiff_t>(i));
    candidate = without_dead(candidate);
    if (still_fails(candidate)) program = candidate;
    i = std::min(i, program.outputs.size());
  }
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t n = program.nodes.size(); n-- > 0;) {
      try {
        Program candidate = cut(program, n);
        if (candidate.nodes.size() < program.nodes.size() && still_fails(candidate)) {
          program = std::move(candidate);
          smaller = true;
          break;
        }
      } catch (const Error&) {
        continue;  // a node that fails at run time has no value to cut at
      }
    }
  }
  return program;
}

}  // namespace mlpjit::differential
