#include "lib/plan/verify.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/ir/fusion.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/backend.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

// Thrown and caught here.
struct Fault {
  std::string text;
};

template <class... Args>
void check(bool holds, fmt::format_string<Args...> format, Args&&... args) {
  if (!holds) throw Fault{fmt::format(format, std::forward<Args>(args)...)};
}

constexpr std::int64_t kBatches[] = {1, 2, 3, 64};

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
        const Units& units = plan_.steps[i].units;
        std::visit(
            [&](const auto& one) {
              kernel(one);
              if (!units.divided()) return;
              check(units.cycles > 0, "units of {} cycles", units.cycles);
              divided(units, one);
            },
            plan_.steps[i].kernel);
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

  // --- kernels
  void access(const Access& access, const std::vector<Extent>& loops) {
    check(access.strides.size() == loops.size(), "b{} has {} strides for {} loops", access.buffer,
          access.strides.size(), loops.size());
    const Buffer& buffer = plan_.buffers[access.buffer];
    for (const std::int64_t batch : kBatches) {
      std::int64_t last = access.first.at(batch);
      bool empty = false;
      check(last >= 0, "b{} is read before its beginning", access.buffer);
      for (std::size_t i = 0; i < loops.size(); ++i) {
        empty = empty || loops[i].at(batch) <= 0;
        check(access.strides[i].at(batch) >= 0, "b{} is walked backwards", access.buffer);
        last += (loops[i].at(batch) - 1) * access.strides[i].at(batch);
      }
      check(empty || (last + 1) * static_cast<std::int64_t>(size_of(buffer.dtype)) <=
                         buffer.bytes.at(batch),
            "b{} is left at batch size {}", access.buffer, batch);
    }
  }
  void accesses(const std::vector<Access>& all, const std::vector<Extent>& loops) {
    for (const Access& each : all) access(each, loops);
  }
  // Of kernels that begin at the first element.
  void from_first(const Access& access) {
    check(access.first == 0, "b{} from an element that is not its first", access.buffer);
  }

  void body(const Body& body, std::size_t arguments, std::size_t results) {
    check(body.arguments.size() == arguments, "a body of {} arguments for {} operands",
          body.arguments.size(), arguments);
    check(body.results.size() == results, "a body of {} results for {}", body.results.size(),
          results);
    std::unordered_set<ir::ValueId> known(body.arguments.begin(), body.arguments.end());
    for (const Body::Scalar& scalar : body.scalars) {
      check(scalar.literal.shape.size() == 1, "a scalar of {}", to_string(scalar.literal.shape));
      known.insert(scalar.value);
    }
    for (const ir::OpId id : body.ops) {
      const ir::Op& op = main_.op(id);
      check(ir::may_be_member(main_, op), "{} in a body", ir::to_string(op.opcode));
      for (const ir::ValueId operand : op.operands)
        check(known.contains(operand), "%{} before it is made", main_.value(operand).name);
      known.insert(op.results[0]);
    }
    for (const ir::ValueId result : body.results)
      check(known.contains(result), "%{} is not made", main_.value(result).name);
  }

  void vector(int lanes, DType dtype) {
    check(lanes > 0 && lanes <= plan_.target.lanes(size_of(dtype)), "vectors of {} {}", lanes,
          to_string(dtype));
  }
  void whole_lanes(int lanes) {
    check(lanes > 0 && numerics::kLanes % lanes == 0, "16 lanes in vectors of {}", lanes);
  }
  DType dtype_of(const Body& body) const { return main_.value(body.results[0]).type.dtype; }

  void kernel(const ElementwiseKernel& kernel) {
    check(!kernel.loops.empty() && !kernel.outputs.empty(), "it has no loop or no output");
    check(!kernel.streams ||
              (kernel.loops.size() == 1 && !kernel.shared_tail && plan_.target.streams),
          "streams of more than one loop, or with a tail");
    accesses(kernel.inputs, kernel.loops);
    accesses(kernel.outputs, kernel.loops);
    for (const Access& out : kernel.outputs)
      check(out.strides.back() == 1, "its last loop does not walk its output");
    body(kernel.body, kernel.inputs.size(), kernel.outputs.size());
    for (const Access& out : kernel.outputs) vector(kernel.lanes, buffer_dtype(out.buffer));
  }
  void kernel(const TransposeKernel& kernel) {
    std::vector<Extent> loops = kernel.outer;
    loops.insert(loops.end(), {kernel.rows, kernel.columns});
    access(kernel.in, loops);
    access(kernel.out, loops);
    const std::size_t rows = kernel.outer.size();
    check(kernel.in.strides.back() == 1 && kernel.out.strides[rows] == 1,
          "rows or columns that are not side by side");
    const DType dtype = plan_.buffers[kernel.out.buffer].dtype;
    check(size_of(dtype) >= 4 && plan_.buffers[kernel.in.buffer].dtype == dtype, "it turns over {}",
          to_string(dtype));
    vector(kernel.lanes, dtype);
  }
  DType buffer_dtype(BufferId id) const {
    const DType dtype = plan_.buffers[id].dtype;
    return dtype == DType::boolean ? DType::f32 : dtype;  // as many lanes
  }

  static std::vector<Extent> in_batch(std::vector<Extent> of_one,
                                      const std::vector<Extent>& of_batch) {
    of_one.insert(of_one.begin(), of_batch.begin(), of_batch.end());
    return of_one;
  }

  void product(const DenseProduct& product) {
    check(product.k > 0 && product.n > 0, "nothing to sum over, or no result");
    const std::vector<Extent> loops = in_batch({product.m, product.n}, product.batch);
    for (const Access& extra : product.extras) from_first(extra);
    from_first(product.out);
    accesses(product.extras, loops);
    access(product.out, loops);
    access({product.x, in_batch({product.x_stride, 1}, product.x_batch)},
           in_batch({product.m, product.k}, product.batch));
    access({product.weight, product.weight_batch}, product.batch);
    if (product.bias >= 0) access({static_cast<BufferId>(product.bias), {1}}, {product.n});
    body(product.epilogue, 1 + product.extras.size(), 1);
    vector(product.lanes, product.dtype);
  }

  void kernel(const NarrowDenseKernel& kernel) {
    product(kernel);
    whole_lanes(kernel.lanes);
    check(kernel.batch.empty(), "a batch in the lane form");
    access({kernel.weight, {kernel.k, 1}}, {kernel.n, kernel.k});
    check(kernel.rows > 0 && kernel.columns.count() == kernel.n, "its tiles are not all columns");
  }

  void kernel(const MatrixVectorKernel& kernel) {
    product(kernel);
    access({kernel.weight, in_batch({1}, kernel.weight_batch)}, in_batch({kernel.k}, kernel.batch));
    check(kernel.n == 1 && kernel.bias < 0, "more than one column");
    check(kernel.vectors > 0, "no vectors of rows");
    check(kernel.m == 1 || kernel.row_stride(kernel.out) == 1, "results that are not side by side");
  }

  void kernel(const DenseKernel& kernel) {
    product(kernel);
    const std::int64_t panels = (kernel.n + kernel.panel - 1) / kernel.panel;
    const std::int64_t width =
        kernel.packed ? kernel.panel : kernel.n - (panels - 1) * kernel.panel;
    check(!kernel.packed || kernel.batch.empty(), "a batch of packed weights");
    for (const std::int64_t batch : kBatches) {
      std::int64_t last = (panels - 1) * kernel.panel_step + (kernel.k - 1) * kernel.k_step + width;
      for (std::size_t i = 0; i < kernel.batch.size(); ++i)
        last += (kernel.batch[i].at(batch) - 1) * kernel.weight_batch[i].at(batch);
      check(last * static_cast<std::int64_t>(size_of(kernel.dtype)) <=
                plan_.buffers[kernel.weight].bytes.at(batch),
            "its last panel leaves the weight");
    }
    check(kernel.panel % kernel.lanes == 0, "panels of {} in vectors of {}", kernel.panel,
          kernel.lanes);
    tilings(kernel, panels);
  }

  void tilings(const DenseKernel& kernel, std::int64_t panels) {
    const bool partial = kernel.n % kernel.panel != 0;
    std::set<std::tuple<std::int64_t, std::int64_t, bool>> called, listed;
    check(!kernel.tilings.empty(), "it has no tiling");
    for (std::size_t i = 0; i < kernel.tilings.size(); ++i) {
      const auto& [rows, columns] = kernel.tilings[i];
      check(columns.count() == panels, "its tiles are not all panels");
      if (kernel.m.is_known()) {
        check(kernel.tilings.size() == 1 && rows.count() == kernel.m.known(),
              "its tiles are not all rows");
      } else {
        check(rows.groups == 1 && rows.larger == 0, "tiles of two heights for any number of rows");
        check(i == 0 || rows.size < kernel.tilings[i - 1].rows.size, "tiles that do not get lower");
      }
      for (int r = 0; r < rows.sizes(); ++r) {
        if (columns.larger > 0) called.emplace(rows.size + r, columns.size + 1, false);
        if (columns.groups - columns.larger > (partial ? 1 : 0))
          called.emplace(rows.size + r, columns.size, false);
        if (partial) called.emplace(rows.size + r, columns.size, true);
      }
    }
    check(kernel.m.is_known() || kernel.tilings.back().rows.size == 1, "no tile of one row");
    for (const MicroKernel& each : kernel.micro_kernels) {
      listed.emplace(each.rows, each.panels, each.partial);
      check(each.live > 0 && kernel.chains % each.live == 0, "{} of {} chains at a time", each.live,
            kernel.chains);
      check(each.steps > 0 && each.steps % kernel.chains == 0, "turns of {} steps", each.steps);
      check(each.looped_epilogue || kernel.epilogue_lanes == kernel.lanes,
            "an epilogue of other lanes on the accumulators");
    }
    check(listed.size() == kernel.micro_kernels.size(), "two micro-kernels of one size");
    check(listed == called, "its micro-kernels are not those that its tilings call");
  }

  static void rows_at_a_time(int rows, const std::vector<Extent>& outer) {
    const bool good = rows == 1 || (rows > 1 && (rows & (rows - 1)) == 0 && !outer.empty());
    check(good && (rows == 1 || !outer.back().is_known() || outer.back().known() >= rows),
          "{} rows at a time", rows);
  }
  void kernel(const ReductionKernel& kernel) {
    reduction(kernel, {});
    rows_at_a_time(kernel.rows, kernel.outer);
    whole_lanes(kernel.lanes);
    vector(kernel.lanes, dtype_of(kernel.producer));
  }
  void kernel(const ColumnReductionKernel& kernel) {
    reduction(kernel, {kernel.columns});
    check(kernel.out.strides.back() == 1, "its columns do not walk its output");
    vector(kernel.lanes, dtype_of(kernel.producer));
  }
  void reduction(const ReductionKernel& kernel, const std::vector<Extent>& columns) {
    for (const auto* all : {&kernel.inputs, &kernel.extras}) {
      for (const Access& each : *all) from_first(each);
    }
    from_first(kernel.out);
    const auto loops = [&](std::vector<Extent> inner) {
      std::vector<Extent> all = kernel.outer;
      all.insert(all.end(), inner.begin(), inner.end());
      all.insert(all.end(), columns.begin(), columns.end());
      return all;
    };
    check(kernel.inner > 0, "it reduces nothing");
    accesses(kernel.inputs, loops({kernel.inner}));
    accesses(kernel.extras, loops({}));
    access(kernel.out, loops({}));
    body(kernel.producer, kernel.inputs.size(), 1);
    body(kernel.consumer, 1 + kernel.extras.size(), 1);
  }

  void kernel(const RowKernel& kernel) {
    for (const auto* all : {&kernel.inputs, &kernel.extras}) {
      for (const Access& each : *all) from_first(each);
    }
    from_first(kernel.out);
    std::vector<Extent> loops = kernel.outer;
    loops.emplace_back(kernel.columns);
    accesses(kernel.inputs, loops);
    accesses(kernel.extras, loops);
    access(kernel.out, loops);
    if (kernel.scratch >= 0)
      access({static_cast<BufferId>(kernel.scratch), {1}}, {kernel.columns});
    else
      check(!kernel.kept && kernel.op != ir::Opcode::softmax, "no row of scratch");
    rows_at_a_time(kernel.rows, kernel.outer);
    check(!kernel.kept || kernel.rows == 1, "one row of scratch for {}", kernel.rows);
    check((kernel.gamma >= 0) == (kernel.beta >= 0), "gamma without beta");
    for (const std::int64_t id : {kernel.gamma, kernel.beta}) {
      if (id >= 0) access({static_cast<BufferId>(id), {1}}, {kernel.columns});
    }
    body(kernel.producer, kernel.inputs.size(), 1);
    body(kernel.consumer, 1 + kernel.extras.size(), 1);
    whole_lanes(kernel.lanes);
    vector(kernel.lanes, dtype_of(kernel.producer));
  }

  void kernel(const LibraryKernel& kernel) {
    const ir::Op& op = main_.op(kernel.op);
    check(kernel.inputs.size() == op.operands.size() && kernel.outputs.size() == op.results.size(),
          "{} has {} operands and {} results", ir::to_string(op.opcode), op.operands.size(),
          op.results.size());
  }

  void kernel(const GatherKernel& kernel) {
    this->kernel(static_cast<const LibraryKernel&>(kernel));
    const auto buffer = [&](std::int64_t id) { return static_cast<BufferId>(id); };
    access({buffer(kernel.inputs[0]), {kernel.size * kernel.inner, kernel.inner, 1}},
           {kernel.outer, kernel.size, kernel.inner});
    access({buffer(kernel.inputs[1]), {1}}, {kernel.count});
    access({buffer(kernel.outputs[0]), {kernel.count * kernel.inner, kernel.inner, 1}},
           {kernel.outer, kernel.count, kernel.inner});
    vector(kernel.lanes, buffer_dtype(buffer(kernel.outputs[0])));
  }
  void kernel(const OneHotKernel& kernel) {
    this->kernel(static_cast<const LibraryKernel&>(kernel));
    const auto out = static_cast<BufferId>(kernel.outputs[0]);
    access({static_cast<BufferId>(kernel.inputs[0]), {1}}, {kernel.count});
    access({out, {kernel.depth, 1}}, {kernel.count, kernel.depth});
    vector(kernel.lanes, buffer_dtype(out));
  }

  void kernel(const CopyKernel& kernel) {
    check(plan_.buffers[kernel.from].bytes == plan_.buffers[kernel.to].bytes,
          "a copy between sizes");
    check(kernel.vector_bytes > 0 && kernel.vector_bytes <= plan_.target.vector_bytes,
          "vectors of {} bytes", kernel.vector_bytes);
  }

  void kernel(const CondKernel& kernel) { predicate(kernel.predicate); }
  void kernel(const WhileKernel& kernel) { predicate(kernel.condition); }
  void kernel(const ScanKernel& kernel) {
    for (const auto* slices : {&kernel.xs, &kernel.ys}) {
      for (const Sliced& slice : *slices) {
        check(plan_.buffers[slice.entry].place == Place::indirect, "b{} is no pointer",
              slice.entry);
        for (const std::int64_t batch : kBatches) {
          check(kernel.length.at(batch) * plan_.buffers[slice.entry].bytes.at(batch) <=
                    plan_.buffers[slice.whole].bytes.at(batch),
                "b{} has not so many entries", slice.whole);
        }
      }
    }
  }
  // --- units
  static void turns_of(const Units& units, const std::vector<Extent>& loops) {
    check(!loops.empty() && units.units == loops[0] && units.unit == 1,
          "units that are no turns of its loop");
  }
  static void parts_of(const Units& units, const Extent& all) {
    check(units.unit > 0, "units of {}", units.unit);
    for (const std::int64_t batch : kBatches) {
      const std::int64_t count = units.units.at(batch);
      check(count * units.unit >= all.at(batch) && (count - 1) * units.unit < all.at(batch),
            "{} units of {} are not {}", count, units.unit, all.at(batch));
    }
  }
  void divided(const Units& units, const ElementwiseKernel& kernel) {
    kernel.loops.size() == 1 ? parts_of(units, kernel.loops[0]) : turns_of(units, kernel.loops);
  }
  void divided(const Units& units, const TransposeKernel& kernel) {
    kernel.outer.empty() ? parts_of(units, kernel.rows) : turns_of(units, kernel.outer);
  }
  void divided(const Units& units, const DenseKernel& kernel) {
    if (!kernel.batch.empty()) return turns_of(units, kernel.batch);
    const Tiling& tiling = kernel.tilings.front();
    const Extent rows = kernel.m.is_known() ? Extent(tiling.rows.groups) : kernel.m;
    turns_of(units, {kernel.divides_panels ? Extent(tiling.panels.groups) : rows});
    check(!kernel.divides_panels || kernel.tilings.size() == 1, "panels of which tiling");
    check(kernel.prefetch >= 0 && (kernel.prefetch == 0 || kernel.packed), "prefetch");
  }
  void divided(const Units& units, const NarrowDenseKernel& kernel) { parts_of(units, kernel.m); }
  void divided(const Units& units, const MatrixVectorKernel& kernel) {
    kernel.batch.empty() ? parts_of(units, kernel.m) : turns_of(units, kernel.batch);
  }
  void divided(const Units& units, const ReductionKernel& kernel) { turns_of(units, kernel.outer); }
  void divided(const Units& units, const ColumnReductionKernel& kernel) {
    kernel.outer.empty() ? parts_of(units, kernel.columns) : turns_of(units, kernel.outer);
  }
  void divided(const Units& units, const RowKernel& kernel) {
    turns_of(units, kernel.outer);
    if (kernel.scratch < 0) return;
    const Buffer& scratch = plan_.buffers[static_cast<BufferId>(kernel.scratch)];
    check(scratch.bytes.at(1) <= plan_.scratch_bytes, "a thread's scratch of {} bytes is too small",
          plan_.scratch_bytes);
  }
  void divided(const Units& units, const CopyKernel& kernel) {
    parts_of(units, plan_.buffers[kernel.from].bytes);
  }
  template <class Other>
  void divided(const Units& /*units*/, const Other& /*kernel*/) {
    throw Fault{"it cannot be divided"};
  }

  void predicate(BufferId id) {
    check(plan_.buffers[id].dtype == DType::boolean, "a predicate of {}",
          to_string(plan_.buffers[id].dtype));
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
