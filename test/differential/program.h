#pragma once
// A random program over tensors: inputs and a list of nodes, run through the public ops. The same
// program runs imperatively and under a trace, since it is ordinary C++ on Tensors.

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"

namespace mlpjit::differential {

using ValueIndex = std::size_t;

struct Node {
  std::string label;  // "leaky_relu(alpha=0.1)"
  std::vector<ValueIndex> arguments;
  std::size_t results = 1;
  std::function<Tensors(const Tensors&)> apply;
};

// Values are numbered: the inputs first, then the results of the nodes in order.
struct Program {
  std::vector<Tensor> inputs;
  std::vector<Node> nodes;
  std::vector<ValueIndex> outputs;
};

// Runs the nodes; throws what the ops throw.
Tensors run(const Program& program, const Tensors& inputs);
// One line per node, for messages.
std::string to_string(const Program& program);

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

// A typed program of at most `nodes` nodes that runs on its inputs; one in a few programs may fail
// at run time with a ValueError, in every mode alike.
Program generate(Choices& choices, std::size_t nodes);

// Smaller programs while `fails` holds: outputs dropped, dead nodes removed, nodes cut into inputs.
Program minimize(Program program, const std::function<bool(const Program&)>& fails);

}  // namespace mlpjit::differential
