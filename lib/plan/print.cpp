// Plan to text.

#include <fmt/format.h>

#include "lib/ir/literal_text.h"
#include "lib/plan/fields.h"
#include "lib/plan/text.h"

namespace mlpjit::plan {
namespace {

class Writer {
 public:
  explicit Writer(const Plan& plan) : plan_(plan), main_(plan.graph->main()) {}

  std::string write() {
    put("target {}\n", plan_.target.name);
    put("workspace {}, without reuse {}, scratch {}, fusions {}\n",
        to_string(plan_.workspace_bytes), to_string(plan_.unshared_bytes), plan_.scratch_bytes,
        plan_.fusions);
    for (std::size_t i = 0; i < plan_.slots.size(); ++i) slot(i, plan_.slots[i]);
    for (std::size_t i = 0; i < plan_.buffers.size(); ++i) buffer(i, plan_.buffers[i]);
    steps(plan_.all_steps());
    return std::move(text_);
  }

  // Members, as fields.h lists them.
  template <class T>
  void field(const char* name, T& member) {
    begin(name);
    write(member);
  }
  void id(const char* name, std::int64_t buffer) {
    begin(name);
    write_id(buffer);
  }
  template <class Id>
  void ids(const char* name, const std::vector<Id>& buffers) {
    begin(name);
    list(buffers, [&](Id buffer) { write_id(static_cast<std::int64_t>(buffer)); });
  }
  void line() {
    put(",\n");
    text_.append(indent_ + 4, ' ');
    first_ = true;
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  void begin(const char* name) {
    put("{}{} = ", first_ ? "" : ", ", name);
    first_ = false;
  }
  template <class List, class Each>
  void list(List& all, const Each& each) {
    put("[");
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i > 0) put(", ");
      each(all[i]);
    }
    put("]");
  }
  std::string name_of(ir::ValueId value) const {
    return "%" + ir::quoted_name(main_.value(value).name);
  }

  void write(bool value) { put("{}", value); }
  void write(double value) { put("{}", ir::number_text(value)); }
  template <std::integral I>
  void write(I value) {
    put("{}", value);
  }
  void write(DType dtype) { put("{}", to_string(dtype)); }
  void write(ir::Opcode opcode) { put("{}", ir::to_string(opcode)); }
  void write(const Extent& extent) { put("{}", to_string(extent)); }
  void write_id(std::int64_t buffer) {
    if (buffer < 0) return put("none");
    put("b{}", buffer);
  }
  // An op that has results by them, else by its number.
  void write(ir::OpId id) {
    const ir::Op& op = main_.op(id);
    if (op.results.empty()) return put("op {}", id.index);
    put("{} {}", ir::to_string(op.opcode), name_of(op.results[0]));
  }
  void write(Access& access) {
    write_id(access.buffer);
    write(access.strides);
    if (access.first == 0) return;
    put(" from ");
    write(access.first);
  }
  void values(const std::vector<ir::ValueId>& all) {
    list(all, [&](ir::ValueId value) { put("{}", name_of(value)); });
  }
  void write(Body& body) {
    values(body.arguments);
    put(" with ");
    list(body.scalars, [&](Body::Scalar& scalar) {
      put("{} {}", name_of(scalar.value), ir::literal_text(scalar.literal, 0));
    });
    put(" give ");
    values(body.results);
    put(" {{");
    for (const ir::OpId id : body.ops) {
      const ir::Op& op = main_.op(id);
      put("\n");
      text_.append(indent_ + 6, ' ');
      put("{} = {}", name_of(op.results[0]), ir::to_string(op.opcode));
      for (const ir::ValueId operand : op.operands) put(" {}", name_of(operand));
    }
    if (!body.ops.empty()) {
      put("\n");
      text_.append(indent_ + 4, ' ');
    }
    put("}}");
  }
  template <class T>
  void write(std::vector<T>& all) {
    list(all, [&](T& each) { write(each); });
  }
  template <class Struct>
    requires requires(Writer& io, Struct& all) { fields(io, all); }
  void write(Struct& all) {
    const bool outer = std::exchange(first_, true);
    put("{{");
    fields(*this, all);
    put("}}");
    first_ = outer;
  }

  void slot(std::size_t i, const Slot& slot) {
    switch (slot.kind) {
      case SlotKind::input: return put("slot {} input {}\n", i, slot.index);
      case SlotKind::output: return put("slot {} output {}\n", i, slot.index);
      case SlotKind::update: return put("slot {} update {}\n", i, slot.index);
      case SlotKind::constant:
        return put("slot {} constant {} {}\n", i, slot.index, ir::literal_text(slot.literal, 2));
      case SlotKind::packed: break;
    }
    put("slot {} packed {} ", i, slot.index);
    PackedLayout layout = slot.layout;
    write(layout);
    put("\n");
  }

  // b9 %h f32[8, 80] at workspace + 64, 2560 bytes, steps 0 to 5, rows of 96
  void buffer(std::size_t i, const Buffer& buffer) {
    put("b{} %{} {} at {} ", i, ir::quoted_name(buffer.name),
        ir::to_string(ir::Type{buffer.dtype, buffer.shape, false}), to_string(buffer.place));
    if (buffer.place == Place::slot) {
      put("{}", buffer.slot);
    } else {
      put("+ {}", to_string(buffer.offset));
    }
    put(", {} bytes, steps {} to {}", to_string(buffer.bytes), buffer.first_step, buffer.last_step);
    if (buffer.row_stride != 0) put(", rows of {}", buffer.row_stride);
    if (buffer.root != i) put(", view of b{}", buffer.root);
    if (!buffer.targets.empty()) {
      put(", pointer into ");
      list(buffer.targets, [&](BufferId target) { write_id(target); });
    }
    put("\n");
  }

  // Those of a region stand deeper than their control step.
  void steps(StepRange range) {
    for (std::uint32_t i = range.begin; i < range.end; i = plan_.after(i)) {
      step(i, plan_.steps[i]);
      for (const NamedRange& region : regions_of(plan_.steps[i].kernel)) {
        indent_ += 2;
        steps(region.steps);
        indent_ -= 2;
      }
    }
  }

  void step(std::uint32_t i, const Step& step) {
    text_.append(indent_, ' ');
    put("step {} {} {}", i, ir::quoted(step.name), ir::quoted(step.reason));
    if (!step.fused.empty()) {
      std::vector<ir::Opcode> fused = step.fused;
      put(" fused ");
      write(fused);
    }
    if (step.units.divided())
      put(" units {} of {} cycles {}", to_string(step.units.units), step.units.unit,
          step.units.cycles);
    put("\n");
    text_.append(indent_ + 2, ' ');
    put("{} ", kind_of(step.kernel));
    Kernel kernel = step.kernel;
    std::visit([this](auto& one) { write(one); }, kernel);
    put("\n");
  }

  const Plan& plan_;
  const ir::Function& main_;
  std::size_t indent_ = 0;
  bool first_ = true;
  std::string text_;
};

}  // namespace

std::string to_string(Place place) {
  switch (place) {
    case Place::slot: return "slot";
    case Place::workspace: return "workspace";
    case Place::indirect: return "indirect";
  }
  return {};
}

std::string to_string(const Plan& plan) {
  return Writer(plan).write();
}

}  // namespace mlpjit::plan
