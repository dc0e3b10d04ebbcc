#include "lib/jit/graph_executable.h"

#include <array>
#include <memory_resource>

#include "lib/jit/footprint.h"
#include "lib/jit/staging.h"
#include "lib/support/float_env.h"

namespace mlpjit::jit {

GraphExecutable::GraphExecutable(ir::Graph graph, support::Isa isa, Report report)
    : graph_(std::move(graph)),
      isa_(isa),
      report_(std::move(report)),
      signature_(signature_of(graph_.main())),
      input_bytes_(byte_sizes(signature_.input_types)),
      result_bytes_(byte_sizes(signature_.result_types)),
      bytes_(sizeof(*this) + footprint(graph_)) {}

void GraphExecutable::run(std::span<const Argument> inputs,
                          std::span<const interp::View> results) const {
  const support::FloatEnvScope environment;
  require_counts(inputs.size(), results.size(), signature_);
  const Staging staging(inputs, input_bytes_, results, result_bytes_);
  std::array<std::byte, 16 * sizeof(interp::View)> room;
  std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
  std::pmr::vector<interp::View> views(&memory);
  views.reserve(inputs.size());
  for (const Argument& input : inputs) views.push_back(input.view);
  interp::run(graph_, graph_.main(), views, staging.results(), isa_);
  staging.finish();
  mark_updated(inputs, signature_);
}

}  // namespace mlpjit::jit
