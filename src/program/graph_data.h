#pragma once
// The data of the public Graph, and the door to it for the rest of src.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/ir/graph.h"
#include "mlpjit/graph.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {

struct GraphData : Closure {
  // What the inputs are bound to, for functions that call the program: they reach it through here.
  Tensors bound = {};
};

struct GraphAccess {
  static Graph make(Closure closure) {
    auto data = std::make_shared<GraphData>(GraphData{std::move(closure)});
    for (const Binding& binding : data->inputs) {
      if (binding.tensor.defined()) data->bound.push_back(binding.tensor);
    }
    return Graph(std::move(data));
  }
  static const GraphData& data(const Graph& graph) {
    if (graph.data_) return *graph.data_;
    throw UserError("this Graph was moved from and stands for no program");
  }
};

// What the results of a program are, which it says by the values it gives: the last value of an
// input is that tensor itself, and one value given twice is one tensor.
std::vector<ResultSource> sources_of(const ir::Function& main);

// A program without bindings: parameters and captures become further arguments of calls.
Graph unbound_graph(std::shared_ptr<const ir::Graph> graph);

// How many arguments a call has, and what is known of each: the input it goes to.
std::vector<std::size_t> call_inputs(const Closure& closure);

// A program's results are of definite dtypes: those that C++ scalars have by themselves.
Tensors definite(Tensors results);

// Writes the program into the trace that goes on, with these arguments; gives its results.
Tensors inline_graph(Recorder& recorder, const Closure& closure, const Tensors& arguments);

}  // namespace mlpjit::detail
