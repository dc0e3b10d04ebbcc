// The text form of a plan.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/plan/plan.h"

namespace mlpjit::plan {
namespace {

class Writer {
 public:
  explicit Writer(const Plan& plan) : plan_(plan), main_(plan.graph->main()) {}

  std::string write() {
    line("target {}", to_string(plan_.target));
    line("workspace {} bytes, {} without reuse; packed {} bytes", to_string(plan_.workspace_bytes),
         to_string(plan_.unshared_bytes), plan_.packed_bytes());
    for (std::size_t i = 0; i < plan_.slots.size(); ++i) slot(i, plan_.slots[i]);
    for (std::size_t i = 0; i < plan_.buffers.size(); ++i) buffer(i, plan_.buffers[i]);
    steps(plan_.all_steps());
    return std::move(text_);
  }

 private:
  // Those of a region stand deeper than their control step.
  void steps(StepRange range) {
    for (std::uint32_t i = range.begin; i < range.end; i = plan_.after(i)) {
      const Step& step = plan_.steps[i];
      line("step {} {}: {}", i, step.name, step.reason);
      std::visit([this](const auto& kernel) { write_kernel(kernel); }, step.kernel);
      for (const NamedRange& region : regions_of(step.kernel)) {
        line("  {}:", region.name);
        indent_ += 4;
        steps(region.steps);
        indent_ -= 4;
      }
    }
  }

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_.append(indent_, ' ');
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  void slot(std::size_t i, const Slot& slot) {
    switch (slot.kind) {
      case SlotKind::input: return line("slot {} input {}", i, slot.index);
      case SlotKind::output: return line("slot {} output {}", i, slot.index);
      case SlotKind::update: return line("slot {} update of input {}", i, slot.index);
      case SlotKind::constant:
        return line("slot {} constant {}", i, ir::to_string(slot.literal.type()));
      case SlotKind::packed:
        return line("slot {} packed input {}: {} panels of {} outputs x {}, {} bytes", i,
                    slot.index, slot.layout.panels(), slot.layout.panel, slot.layout.k,
                    slot.layout.bytes());
    }
  }

  void buffer(std::size_t i, const Buffer& buffer) {
    std::string where = buffer.place == Place::slot
                            ? fmt::format("slot {}", buffer.slot)
                            : fmt::format("workspace + {}", to_string(buffer.offset));
    if (buffer.place == Place::indirect) where = "the pointer at " + where;
    if (!buffer.targets.empty())
      where += fmt::format(" into b{}", fmt::join(buffer.targets, " or b"));
    const std::string view = buffer.root == i ? "" : fmt::format(", view of b{}", buffer.root);
    line("b{} = %{}: {}{} at {}, steps {}-{}{}", i, buffer.name, to_string(buffer.dtype),
         to_string(buffer.shape), where, buffer.first_step, buffer.last_step, view);
  }

  static std::string text(const std::vector<Extent>& extents) {
    std::vector<std::string> all;
    for (const Extent& extent : extents) all.push_back(to_string(extent));
    return fmt::format("{}", fmt::join(all, ", "));
  }
  static std::string text(const Access& access) {
    return fmt::format("b{}[{}]", access.buffer, text(access.strides));
  }
  static std::string text(const std::vector<Access>& accesses) {
    std::vector<std::string> all;
    for (const Access& access : accesses) all.push_back(text(access));
    return fmt::format("{}", fmt::join(all, " "));
  }

  void body(std::string_view name, const Body& body) {
    if (body.ops.empty()) return;
    line("    {}:", name);
    for (const ir::OpId id : body.ops) {
      const ir::Op& op = main_.op(id);
      std::string operands;
      for (const ir::ValueId operand : op.operands) {
        operands += fmt::format(" %{}", main_.value(operand).name);
      }
      line("      %{} = {}{}", main_.value(op.results[0]).name, ir::to_string(op.opcode), operands);
    }
  }

  void write_kernel(const ElementwiseKernel& kernel) {
    line("  elementwise loops [{}] lanes {}", text(kernel.loops), kernel.lanes);
    line("    in {} out {}", text(kernel.inputs), text(kernel.outputs));
    body("body", kernel.body);
  }
  static std::string form(const DenseKernel& kernel) {
    if (kernel.lanes) return "lanes";
    const Tile& tile = kernel.tile;
    return fmt::format("chains {}{} tile {}x{} panels of {}", kernel.chains,
                       tile.live == kernel.chains ? "" : fmt::format(" ({} at a time)", tile.live),
                       tile.rows, tile.panels, kernel.panel);
  }

  void write_kernel(const DenseKernel& kernel) {
    line("  dense {} m {} k {} n {} {}", to_string(kernel.dtype), to_string(kernel.m), kernel.k,
         kernel.n, form(kernel));
    line("    x b{}, weight b{}, bias {}, extras [{}], out {}", kernel.x, kernel.weight,
         kernel.bias < 0 ? "none" : fmt::format("b{}", kernel.bias), text(kernel.extras),
         text(kernel.out));
    body("epilogue", kernel.epilogue);
  }
  void write_kernel(const ReductionKernel& kernel) {
    line("  {} outer [{}] inner {}", ir::to_string(kernel.op), text(kernel.outer), kernel.inner);
    line("    in {} extras [{}] out {}", text(kernel.inputs), text(kernel.extras),
         text(kernel.out));
    body("producer", kernel.producer);
    body("consumer", kernel.consumer);
  }
  void write_kernel(const RowKernel& kernel) {
    line("  {} outer [{}] columns {}", ir::to_string(kernel.op), text(kernel.outer),
         kernel.columns);
    line("    in {} scratch b{} extras [{}] out {}", text(kernel.inputs), kernel.scratch,
         text(kernel.extras), text(kernel.out));
    body("producer", kernel.producer);
    body("consumer", kernel.consumer);
  }
  void write_kernel(const LibraryKernel& kernel) {
    line("  library {} in [{}] out [{}]", ir::to_string(main_.op(kernel.op).opcode),
         fmt::join(kernel.inputs, ", "), fmt::join(kernel.outputs, ", "));
  }
  void write_kernel(const CopyKernel& kernel) {
    line("  copy b{} to b{}, {} bytes", kernel.from, kernel.to,
         to_string(plan_.buffers[kernel.from].bytes));
  }

  void write_kernel(const CondKernel& kernel) { line("  if b{}", kernel.predicate); }
  void write_kernel(const WhileKernel& kernel) {
    line("  while b{}{}", kernel.condition,
         kernel.max_iterations < 0 ? "" : fmt::format(", at most {} turns", kernel.max_iterations));
    write_carried(kernel.carried);
  }
  void write_kernel(const ScanKernel& kernel) {
    line("  scan {} turns", to_string(kernel.length));
    write_carried(kernel.carried);
    for (const Sliced& x : kernel.xs) line("    b{} is the turn's entry of b{}", x.entry, x.whole);
    for (const Sliced& y : kernel.ys) line("    the turn's entry of b{} is b{}", y.whole, y.entry);
  }
  void write_carried(const std::vector<Carried>& all) {
    for (const Carried& carried : all) {
      line("    b{} from b{}, next b{} in b{} or b{}", carried.current, carried.initial,
           carried.next, carried.memory[0], carried.memory[1]);
    }
  }

  const Plan& plan_;
  const ir::Function& main_;
  std::size_t indent_ = 0;
  std::string text_;
};

}  // namespace

std::string to_string(const Plan& plan) {
  return Writer(plan).write();
}

}  // namespace mlpjit::plan
