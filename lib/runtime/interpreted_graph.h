#pragma once
// Backend::graph: the optimised graph, run by the interpreter's kernels.

#include "lib/runtime/compiled_graph.h"
#include "lib/runtime/interface.h"

namespace mlpjit::runtime {

class InterpretedGraph final : public CompiledGraph {
 public:
  InterpretedGraph(ir::Graph graph, support::Isa isa, Report report);

  void run(std::span<const Argument> inputs, std::span<const interp::View> results) const override;
  std::unique_ptr<Frame> make_frame() const override;

  const Interface& interface() const override { return interface_; }
  const Report& report() const override { return report_; }
  std::size_t bytes() const override { return bytes_; }

 private:
  class CallFrame;
  const ir::Graph graph_;
  const support::Isa isa_;
  const Report report_;
  const Interface interface_;
  const std::vector<std::size_t> input_bytes_, result_bytes_;
  const std::size_t bytes_;
};

}  // namespace mlpjit::runtime
