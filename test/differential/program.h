#pragma once
// A random program over tensors: inputs and a list of nodes, run through the public ops. The same
// program runs imperatively and under a trace, since it is ordinary C++ on Tensors.

#include <cstddef>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "mlpjit/mlpjit.h"

namespace mlpjit::differential {

// Values are numbered: those of the nodes from 0 in order, the inputs from -1 down. The parameters
// and nodes of a body count on from the values that stand before its node, all of which it sees.
using ValueIndex = std::ptrdiff_t;
constexpr ValueIndex input_index(std::size_t input) {
  return -1 - static_cast<ValueIndex>(input);
}

struct Node;

// A branch, a condition or a round of a loop.
struct Body {
  std::size_t parameters = 0;
  std::vector<Node> nodes;
  std::vector<ValueIndex> results;
};

using BodyFunction = std::function<Tensors(const Tensors&)>;

struct Node {
  std::string label;  // "leaky_relu(alpha=0.1)"
  std::vector<ValueIndex> arguments;
  std::size_t results = 1;
  std::function<Tensors(const Tensors&)> apply;
  bool effect = false;  // updates, draws or prints: does something though nothing reads its results
  // Control flow: bodies, and what to do with them instead of `apply`.
  std::vector<Body> bodies = {};
  std::function<Tensors(const Tensors&, const std::vector<BodyFunction>&)> control = {};
};

// Whether the node or one of its bodies has an effect.
bool has_effect(const Node& node);

struct Input {
  Tensor value;                                  // before the program runs; runs get copies
  ir::InputKind kind = ir::InputKind::argument;  // or a parameter or capture of the function
  std::size_t same_as = SIZE_MAX;                // an earlier input that is the same tensor
};

struct Program {
  std::vector<Input> inputs;
  std::vector<Node> nodes;
  std::vector<ValueIndex> outputs;
};

// What nodes see while they run.
struct Environment {
  Tensors inputs, values;
  const Tensor& at(ValueIndex i) const {
    return i < 0 ? inputs.at(static_cast<std::size_t>(-1 - i))
                 : values.at(static_cast<std::size_t>(i));
  }
};

// Runs the nodes on the inputs as they are, which it may update; throws what the ops throw.
Tensors run(const Program& program, const Tensors& inputs);
Tensors run_node(const Node& node, const Environment& environment);
// One line per node, for messages.
std::string to_string(const Program& program);

// Copies of the tensors; handles of one tensor become handles of one copy.
Environment copy_of(const Environment& environment);

// Where the generator's choices come from: a seeded stream, or the bytes of a fuzzer.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : random_(seed) {}
  explicit Choices(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)), fuzzed_(true) {}
  // In [0, n); n > 0.
  std::uint64_t below(std::uint64_t n);
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

 private:
  std::mt19937_64 random_;
  std::vector<std::uint8_t> bytes_;
  std::size_t next_ = 0;
  bool fuzzed_ = false;
};

// What a generated program may be made of.
enum class Features {
  pure,  // ops that only compute
  all    // control flow, updates in place, draws and prints too
};

// A typed program of at most `nodes` nodes that runs on its inputs; one in a few programs may fail
// at run time with a ValueError, in every mode alike.
Program generate(Choices& choices, std::size_t nodes, Features features = Features::all);

// A program whose ops treat each row of axis 0 of its one argument alike, whatever their number.
Program generate_row_by_row(Choices& choices, std::int64_t rows, std::size_t nodes);

// The seed of the stream that programs draw from.
constexpr std::uint64_t kStreamSeed = 20;

// Smaller programs while `fails` holds: outputs dropped, dead nodes removed, nodes cut into inputs.
Program minimize(Program program, const std::function<bool(const Program&)>& fails);

}  // namespace mlpjit::differential
