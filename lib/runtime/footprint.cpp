#include "lib/runtime/footprint.h"

namespace mlpjit::runtime {

namespace {

std::size_t footprint(const ir::Function& function) {
  std::size_t bytes = sizeof(function);
  for (std::size_t i = 0; i < function.value_count(); ++i) {
    bytes += sizeof(ir::Value) + function.value(ir::ValueId{i}).name.capacity();
  }
  for (std::size_t i = 0; i < function.op_count(); ++i) {
    const ir::Op& op = function.op(ir::OpId{i});
    bytes += sizeof(op) + op.path.capacity();
    bytes += (op.operands.size() + op.results.size() + op.regions.size()) * sizeof(ir::ValueId);
    for (const auto& [name, value] : op.attrs) {
      bytes += sizeof(name) + sizeof(value);
      if (const auto* literal = std::get_if<ir::Literal>(&value)) bytes += literal->bytes->size();
    }
  }
  for (std::size_t i = 0; i < function.region_count(); ++i) {
    const ir::Region& region = function.region(ir::RegionId{i});
    bytes +=
        sizeof(region) +
        (region.arguments.size() + region.ops.size() + region.results.size()) * sizeof(ir::ValueId);
  }
  return bytes;
}

}  // namespace

std::size_t footprint(const ir::Graph& graph) {
  std::size_t bytes = sizeof(graph);
  for (const auto& function : graph.functions()) bytes += footprint(*function);
  return bytes;
}

std::size_t footprint(const plan::Plan& plan) {
  std::size_t bytes = sizeof(plan);
  bytes += plan.slots.size() * sizeof(plan::Slot) + plan.buffers.size() * sizeof(plan::Buffer);
  for (const plan::Step& step : plan.steps) {
    bytes += sizeof(step) + step.name.capacity() + step.reason.capacity();
  }
  return bytes;
}

}  // namespace mlpjit::runtime
