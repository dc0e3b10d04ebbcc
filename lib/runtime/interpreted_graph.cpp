#include "lib/runtime/interpreted_graph.h"

#include "lib/runtime/footprint.h"
#include "lib/runtime/staging.h"
#include "lib/support/float_env.h"

namespace mlpjit::runtime {

InterpretedGraph::InterpretedGraph(ir::Graph graph, support::Isa isa, Report report)
    : graph_(std::move(graph)),
      isa_(isa),
      report_(std::move(report)),
      interface_(interface_of(graph_.main())),
      input_bytes_(byte_sizes(interface_.input_types)),
      result_bytes_(byte_sizes(interface_.result_types)),
      bytes_(sizeof(*this) + footprint(graph_)) {}

class InterpretedGraph::CallFrame final : public Frame {
 public:
  explicit CallFrame(const InterpretedGraph& executable)
      : compiled_(executable),
        inputs_(executable.interface_.inputs.size()),
        updates_(executable.interface_.inputs.size()) {}

  void set_input(std::size_t input, const Argument& argument) override {
    inputs_[input] = argument.view;
    updates_[input] = argument.update;
  }
  void run(std::span<const interp::View> results, std::int64_t) override {
    const support::FloatEnvScope environment;
    interp::run(compiled_.graph_, compiled_.graph_.main(), inputs_, results, compiled_.isa_, -1,
                updates_);
  }

 private:
  const InterpretedGraph& compiled_;
  std::vector<interp::View> inputs_;
  std::vector<void*> updates_;
};

void InterpretedGraph::run(std::span<const Argument> inputs,
                           std::span<const interp::View> results) const {
  const support::FloatEnvScope environment;
  require_counts(inputs.size(), results.size(), interface_);
  const Staging staging(inputs, input_bytes_, results, result_bytes_);
  CallFrame frame(*this);
  for (std::size_t i = 0; i < inputs.size(); ++i) frame.set_input(i, inputs[i]);
  frame.run(staging.results(), -1);
  staging.finish();
}

std::unique_ptr<Frame> InterpretedGraph::make_frame() const {
  return std::make_unique<CallFrame>(*this);
}

}  // namespace mlpjit::runtime
