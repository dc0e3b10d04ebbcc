#include "lib/runtime/library_steps.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <memory_resource>

#include "lib/ir/opcodes.h"
#include "lib/support/layer.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {

LibrarySteps::LibrarySteps(const plan::Plan& plan) : plan_(plan) {
  for (std::uint32_t i = 0; i < plan.steps.size(); ++i) {
    if (const auto* kernel = plan::library_op(plan.steps[i].kernel)) {
      steps_.push_back(make_step(i, *kernel));
    }
  }
}

LibrarySteps::Step LibrarySteps::make_step(std::uint32_t index,
                                           const plan::LibraryKernel& kernel) const {
  const ir::Op& op = plan_.graph->main().op(kernel.op);
  Step step;
  step.index = index;
  step.opcode = op.opcode;
  step.attrs = &op.attrs;
  step.path = &op.path;
  if (op.opcode == ir::Opcode::call) {
    step.graph = plan_.graph.get();
    step.function = step.graph->find(op.attrs.get<ir::FunctionRef>("callee").name);
  }
  const auto add = [this](std::int64_t id, std::vector<interp::View>& views,
                          std::vector<const plan::Buffer*>& buffers) {
    const plan::Buffer* buffer = id < 0 ? nullptr : &plan_.buffers.at(static_cast<std::size_t>(id));
    views.push_back(buffer == nullptr ? interp::View{DType::i64, {}, nullptr}
                                      : interp::View{buffer->dtype, buffer->shape, nullptr});
    buffers.push_back(buffer);
  };
  for (const std::int64_t id : kernel.inputs) add(id, step.operands, step.operand_buffers);
  for (const std::int64_t id : kernel.outputs) add(id, step.results, step.result_buffers);
  return step;
}

namespace {

using Views = std::pmr::vector<interp::View>;

void place(Views& views, std::span<const interp::View> models,
           std::span<const plan::Buffer* const> buffers, void* const* slots, std::byte* workspace,
           std::int64_t batch) {
  views.assign(models.begin(), models.end());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const plan::Buffer* buffer = buffers[i];
    if (buffer == nullptr) continue;
    if (!buffer->shape.is_static()) views[i].shape = ir::sized(buffer->shape, batch);
    views[i].data = plan::address(*buffer, slots, workspace, batch);
  }
}

}  // namespace

void LibrarySteps::run(std::uint32_t index, void* const* slots, std::byte* workspace,
                       std::int64_t batch) const {
  const auto step = std::lower_bound(steps_.begin(), steps_.end(), index,
                                     [](const Step& s, std::uint32_t i) { return s.index < i; });
  if (step == steps_.end() || step->index != index) {
    throw InternalError(
        fmt::format("generated code asks for step {}, which is not a library call", index));
  }
  // Room for the views of nearly every op; concat of many parts takes more from the heap.
  std::array<std::byte, 16 * sizeof(interp::View)> room;
  std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
  Views operands(&memory), results(&memory);
  place(operands, step->operands, step->operand_buffers, slots, workspace, batch);
  place(results, step->results, step->result_buffers, slots, workspace, batch);
  if (step->graph != nullptr) {
    interp::run(*step->graph, *step->function, operands, results, plan_.target.isa, batch);
  } else {
    support::in_layer(*step->path, [&] {
      interp::evaluate(step->opcode, *step->attrs, operands, results, plan_.target.isa);
    });
  }
}

}  // namespace mlpjit::runtime
