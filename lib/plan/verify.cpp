#include "lib/plan/verify.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/plan/planner.h"
#include "lib/plan/verify_internal.h"

namespace mlpjit::plan {
namespace {

class Verifier {
 public:
  explicit Verifier(const Plan& plan) : plan_(plan), main_(plan.graph->main()) {}

  void run() {
    slots();
    for (BufferId id = 0; id < plan_.buffers.size(); ++id) buffer(id);
    for (const std::int64_t batch : kBatches) memory(batch);
    check(plan_.fusions >= 0, "{} fusions", plan_.fusions);
    steps(plan_.all_steps());
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      step_ = i;
      try {
        uses();
        verify_kernel(plan_, plan_.steps[i]);
      } catch (const Fault& fault) {
        throw Fault{fmt::format("step {} ({}): {}", i, plan_.steps[i].name, fault.text)};
      }
    }
    results();
  }

 private:
  // --- slots and buffers
  void slots() {
    const std::size_t counts[] = {main_.body().arguments.size(), main_.body().results.size(),
                                  main_.body().arguments.size(), plan_.slots.size(),
                                  main_.body().arguments.size()};
    std::size_t inputs = 0, outputs = 0;
    for (std::size_t i = 0; i < plan_.slots.size(); ++i) {
      const Slot& slot = plan_.slots[i];
      check(i == 0 || plan_.slots[i - 1].kind <= slot.kind, "slot {} is out of order", i);
      check(slot.index < counts[static_cast<std::size_t>(slot.kind)],
            "slot {} stands for number {}, which is not there", i, slot.index);
      inputs += slot.kind == SlotKind::input ? 1 : 0;
      outputs += slot.kind == SlotKind::output ? 1 : 0;
    }
    for (const Slot& slot : plan_.slots) {
      if (slot.kind == SlotKind::packed) packed(slot);
    }
    check(inputs == main_.body().arguments.size() && outputs == main_.body().results.size(),
          "{} slots of inputs and {} of outputs", inputs, outputs);
  }

  void packed(const Slot& slot) {
    const ir::Type& weight = main_.value(main_.body().arguments[slot.index]).type;
    const PackedLayout& layout = slot.layout;
    check(identical(weight.shape, Shape({layout.n, layout.k})) &&
              layout == packed_layout(layout.n, layout.k, weight.dtype),
          "a packed layout that is not the one of input {}, {}", slot.index, ir::to_string(weight));
  }

  void buffer(BufferId id) {
    const Buffer& buffer = plan_.buffers[id];
    check(buffer.root < plan_.buffers.size(), "b{} is a view of no buffer", id);
    const Buffer& root = plan_.buffers[buffer.root];
    check(root.root == buffer.root, "b{} is a view of a view", id);
    check(buffer.place == root.place && buffer.slot == root.slot && buffer.offset == root.offset,
          "b{} is not where its root b{} is", id, buffer.root);
    check(buffer.place != Place::slot || buffer.slot < plan_.slots.size(), "b{} has no slot", id);
    check((buffer.place == Place::indirect) == !root.targets.empty(),
          "b{} is indirect, or it has targets, but not both", id);
    for (const BufferId target : buffer.targets)
      check(target < plan_.buffers.size(), "b{} may lead to b{}, which is not there", id, target);
    check(buffer.first_step <= buffer.last_step, "b{} ends before it begins", id);
    const bool packed =
        buffer.place == Place::slot && plan_.slots[buffer.slot].kind == SlotKind::packed;
    if (packed)
      return check(buffer.bytes == plan_.slots[buffer.slot].layout.bytes(), "b{}: {}", id,
                   "its bytes are not its layout's");
    for (const std::int64_t batch : kBatches) {
      check(buffer.bytes.at(batch) >= needed(buffer, batch), "b{} has {} bytes for {}{}", id,
            to_string(buffer.bytes), to_string(buffer.dtype), to_string(buffer.shape));
    }
  }

  static std::int64_t needed(const Buffer& buffer, std::int64_t batch) {
    std::int64_t count = elements(buffer.shape).at(batch);
    if (buffer.row_stride != 0) count = count / buffer.shape[-1].value() * buffer.row_stride;
    return count * static_cast<std::int64_t>(size_of(buffer.dtype));
  }

  // What a workspace buffer takes there.
  static std::int64_t size_in_workspace(const Buffer& buffer, std::int64_t batch) {
    return buffer.place == Place::indirect ? static_cast<std::int64_t>(sizeof(void*))
                                           : buffer.bytes.at(batch);
  }

  void memory(std::int64_t batch) {
    std::vector<const Buffer*> roots;
    for (BufferId id = 0; id < plan_.buffers.size(); ++id) {
      const Buffer& buffer = plan_.buffers[id];
      if (buffer.place == Place::slot || buffer.root != id) continue;
      const std::int64_t offset = buffer.offset.at(batch), size = size_in_workspace(buffer, batch);
      check(size == 0 || (offset >= 0 && offset + size <= plan_.workspace_bytes.at(batch)),
            "b{} ends behind the workspace of batch size {}", id, batch);
      check(buffer.place == Place::indirect || size == 0 || offset % 64 == 0,
            "b{} is not aligned to 64 bytes", id);
      if (size > 0) roots.push_back(&buffer);
    }
    std::sort(roots.begin(), roots.end(), [&](const Buffer* a, const Buffer* b) {
      return a->offset.at(batch) < b->offset.at(batch);
    });
    for (std::size_t i = 0; i < roots.size(); ++i) {
      const std::int64_t end = roots[i]->offset.at(batch) + size_in_workspace(*roots[i], batch);
      for (std::size_t j = i + 1; j < roots.size() && roots[j]->offset.at(batch) < end; ++j) {
        const bool together = roots[i]->first_step <= roots[j]->last_step &&
                              roots[j]->first_step <= roots[i]->last_step;
        check(!together, "%{} and %{} share memory at the same time, at batch size {}",
              roots[i]->name, roots[j]->name, batch);
      }
    }
  }

  // --- steps
  void steps(StepRange range) {
    for (std::uint32_t i = range.begin; i < range.end; i = plan_.after(i)) {
      std::uint32_t next = i + 1;
      for (const NamedRange& region : regions_of(plan_.steps[i].kernel)) {
        check(region.steps.begin == next && region.steps.begin <= region.steps.end &&
                  region.steps.end <= range.end,
              "step {}: its {} is not right behind it", i, region.name);
        steps(region.steps);
        next = region.steps.end;
      }
    }
  }

  void uses() {
    for_each_buffer(plan_.steps[step_].kernel, [&](BufferId id, bool written) {
      check(id < plan_.buffers.size(), "b{} is not there", id);
      const Buffer& buffer = plan_.buffers[id];
      check(buffer.first_step <= step_ && step_ <= buffer.last_step, "b{} is not alive", id);
      if (!written || buffer.place != Place::slot) return;
      const SlotKind kind = plan_.slots[buffer.slot].kind;
      check(kind == SlotKind::output || kind == SlotKind::update, "it writes to b{}, slot {}", id,
            buffer.slot);
    });
  }

  void results() {
    std::vector<bool> written(plan_.slots.size(), false);
    for (const Step& step : plan_.steps) {
      for_each_buffer(step.kernel, [&](BufferId id, bool writes) {
        if (writes && plan_.buffers[id].place == Place::slot)
          written[plan_.buffers[id].slot] = true;
      });
    }
    for (std::size_t i = 0; i < plan_.slots.size(); ++i) {
      const Slot& slot = plan_.slots[i];
      if (slot.kind != SlotKind::output) continue;
      const ir::Type& type = main_.value(main_.body().results[slot.index]).type;
      check(written[i] || type.token || is_empty(type.shape), "output {} is not written",
            slot.index);
    }
  }

  const Plan& plan_;
  const ir::Function& main_;
  std::uint32_t step_ = 0;
};

}  // namespace

std::string verify(const Plan& plan) {
  try {
    Verifier(plan).run();
  } catch (const Fault& fault) {
    return fault.text;
  }
  return {};
}

}  // namespace mlpjit::plan
