// Makes a failing program smaller: outputs, nodes and inputs are dropped while it still fails.

#include <algorithm>
#include <optional>
#include <utility>

#include "test/differential/program.h"

namespace mlpjit::differential {
namespace {

// Where a list of nodes stands: from the outputs inwards, (node, body) by (node, body).
using Path = std::vector<std::pair<std::size_t, std::size_t>>;

// A list of nodes with what reads its values from behind, and the number of its first value.
struct Place {
  std::vector<Node>* nodes;
  std::vector<ValueIndex>* results;
  ValueIndex first;
};

Place place_of(Program& program, const Path& path) {
  Place place{&program.nodes, &program.outputs, 0};
  for (const auto& [node, body] : path) {
    for (std::size_t i = 0; i < node; ++i)
      place.first += static_cast<ValueIndex>((*place.nodes)[i].results);
    Body& inner = (*place.nodes)[node].bodies[body];
    place = {&inner.nodes, &inner.results, place.first + static_cast<ValueIndex>(inner.parameters)};
  }
  return place;
}

ValueIndex first_result(const Place& place, std::size_t n) {
  ValueIndex first = place.first;
  for (std::size_t i = 0; i < n; ++i) first += static_cast<ValueIndex>((*place.nodes)[i].results);
  return first;
}

// Every index that a list of nodes reads, those of its bodies included.
template <class Fn>
void for_each_index(std::vector<Node>& nodes, std::size_t from, const Fn& fn) {
  for (std::size_t n = from; n < nodes.size(); ++n) {
    for (ValueIndex& i : nodes[n].arguments) fn(i);
    for (Body& body : nodes[n].bodies) {
      for_each_index(body.nodes, 0, fn);
      for (ValueIndex& i : body.results) fn(i);
    }
  }
}

template <class Fn>
void for_each_index(Program& program, const Fn& fn) {
  for_each_index(program.nodes, 0, fn);
  for (ValueIndex& i : program.outputs) fn(i);
}

// Without the inputs that nothing reads.
Program without_unused_inputs(Program program) {
  for (std::size_t i = program.inputs.size(); i-- > 0;) {
    bool used = false;
    for_each_index(program, [&](ValueIndex v) { used |= v == input_index(i); });
    for (const Input& input : program.inputs) used |= input.same_as == i;
    if (used) continue;
    program.inputs.erase(program.inputs.begin() + static_cast<std::ptrdiff_t>(i));
    for (Input& input : program.inputs) {
      if (input.same_as != SIZE_MAX && input.same_as > i) --input.same_as;
    }
    for_each_index(program, [&](ValueIndex& v) {
      if (v < input_index(i)) ++v;
    });
  }
  return program;
}

// The node at `n` dropped; what read its results reads `instead`. Nothing when there are results in
// use and no replacement.
std::optional<Program> without_node(Program program, const Path& path, std::size_t n,
                                    const std::vector<ValueIndex>& instead) {
  const Place place = place_of(program, path);
  const ValueIndex first = first_result(place, n);
  const auto count = static_cast<ValueIndex>((*place.nodes)[n].results);
  place.nodes->erase(place.nodes->begin() + static_cast<std::ptrdiff_t>(n));
  bool complete = true;
  const auto rename = [&](ValueIndex& i) {
    if (i >= first + count) {
      i -= count;
    } else if (i >= first) {
      complete = complete && !instead.empty();
      if (complete) i = instead[static_cast<std::size_t>(i - first) % instead.size()];
    }
  };
  for_each_index(*place.nodes, n, rename);
  for (ValueIndex& i : *place.results) rename(i);
  if (!complete) return std::nullopt;
  return without_unused_inputs(std::move(program));
}

// A node of the outermost list, replaced by inputs that hold what it gave.
std::optional<Program> cut(Program program, std::size_t n) {
  Program probe = program;
  const ValueIndex first = first_result(place_of(probe, {}), n);
  probe.nodes.resize(n + 1);
  probe.outputs.clear();
  for (std::size_t r = 0; r < program.nodes[n].results; ++r)
    probe.outputs.push_back(first + static_cast<ValueIndex>(r));
  std::vector<ValueIndex> instead;
  Tensors inputs;
  for (const Input& input : probe.inputs) inputs.push_back(input.value.copy());
  const random::StreamScope stream(kStreamSeed);
  for (const Tensor& value : run(probe, inputs)) {
    instead.push_back(input_index(program.inputs.size()));
    if (value.is_weak()) return std::nullopt;  // as an argument it would mean something else
    program.inputs.push_back({value.copy()});
  }
  return without_node(std::move(program), {}, n, instead);
}

class Minimizer {
 public:
  Minimizer(Program program, const std::function<bool(const Program&)>& fails)
      : program_(std::move(program)), fails_(fails) {}

  Program run() {
    for (std::size_t i = program_.outputs.size(); i-- > 0;) {
      Program candidate = program_;
      candidate.outputs.erase(candidate.outputs.begin() + static_cast<std::ptrdiff_t>(i));
      take(without_unused_inputs(std::move(candidate)));
    }
    while (shrink({})) {
    }
    return program_;
  }

 private:
  bool take(const std::optional<Program>& candidate) {
    if (!candidate || tries_ == 0) return false;
    --tries_;
    try {
      if (!fails_(*candidate)) return false;
    } catch (const Error&) {
      return false;
    }
    program_ = *candidate;
    return true;
  }

  // Makes one list of nodes, or one inside it, smaller by a node.
  bool shrink(const Path& path) {
    const std::size_t count = place_of(program_, path).nodes->size();
    for (std::size_t n = count; n-- > 0;) {
      if (take(without_node(program_, path, n, {}))) return true;
      if (path.empty()) {
        try {
          if (take(cut(program_, n))) return true;
        } catch (const Error&) {
          // A node that fails at run time has no value to cut at.
        }
      } else if (replace(path, n)) {
        return true;
      }
      const std::size_t bodies = (*place_of(program_, path).nodes)[n].bodies.size();
      for (std::size_t b = 0; b < bodies; ++b) {
        Path inner = path;
        inner.emplace_back(n, b);
        if (shrink(inner)) return true;
      }
    }
    return false;
  }

  // Inside a body: some other value in the place of what the node gave.
  bool replace(const Path& path, std::size_t n) {
    const ValueIndex first = first_result(place_of(program_, path), n);
    const auto inputs = static_cast<ValueIndex>(program_.inputs.size());
    for (ValueIndex i = first - 1; i >= std::max(first - 10, -inputs); --i) {
      if (take(without_node(program_, path, n, {i}))) return true;
    }
    return false;
  }

  Program program_;
  const std::function<bool(const Program&)>& fails_;
  std::size_t tries_ = 1500;
};

}  // namespace

Program minimize(Program program, const std::function<bool(const Program&)>& fails) {
  return Minimizer(std::move(program), fails).run();
}

}  // namespace mlpjit::differential
