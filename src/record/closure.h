#pragma once
// A program and the tensors that it is bound to. Bindings stand beside the graph, not in it: the
// text has none.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/ir/graph.h"
#include "src/record/captured_tensor.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

// What an input of a program is bound to when it runs.
struct Binding {
  ir::InputKind kind = ir::InputKind::argument;
  std::size_t argument = 0;  // argument: the first of the call's arguments that it stands for
  CapturedTensor tensor;     // parameter, capture

  // Whether each call gives it, in the place `argument`: parameters and captures of a program
  // without bindings too.
  bool is_call_argument() const {
    return !tensor.defined() && kind != ir::InputKind::state && kind != ir::InputKind::token;
  }
};

// What a result of a program is.
struct ResultSource {
  enum class Kind : std::uint8_t { computed, input, duplicate };
  Kind kind = Kind::computed;
  std::size_t index = 0;  // input: comes back as the handle bound to it; duplicate: of that result
  WeakKind weak = WeakKind::none;
};

// What is traced, inlined, compiled, exported and held by a Graph. Immutable once made.
struct Closure {
  std::shared_ptr<const ir::Graph> graph;
  std::vector<Binding> inputs;        // one per input of main
  std::vector<ResultSource> results;  // one per result of main
};

}  // namespace mlpjit::detail
