// What the kernels of a plan keep to.

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>
#include <unordered_set>

#include "lib/ir/fusion.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/backend.h"
#include "lib/plan/planner.h"
#include "lib/plan/verify_internal.h"

namespace mlpjit::plan {
namespace {

class KernelVerifier {
 public:
  explicit KernelVerifier(const Plan& plan) : plan_(plan), main_(plan.graph->main()) {}

  void run(const Step& step) {
    reads_and_writes(step.kernel);
    std::visit(
        [&](const auto& one) {
          kernel(one);
          if (!step.units.divided()) return;
          check(step.units.cycles > 0, "units of {} cycles", step.units.cycles);
          divided(step.units, one);
        },
        step.kernel);
  }

 private:
  // No kernel may write what it reads: rows may be done twice, and in any order.
  void reads_and_writes(const Kernel& kernel) {
    if (!regions_of(kernel).empty() || std::holds_alternative<LibraryKernel>(kernel)) return;
    std::unordered_set<BufferId> read, written;
    for_each_buffer(kernel, [&](BufferId id, bool writes) {
      (writes ? written : read).insert(plan_.buffers[id].root);
    });
    for (const BufferId id : written)
      check(!read.contains(id), "it writes b{}, which it reads", id);
  }

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

  static void power_of_two(std::int64_t count, const char* of) {
    check(count > 0 && (count & (count - 1)) == 0, "{} {}", count, of);
  }
  void vector(int lanes, DType dtype) {
    power_of_two(lanes, "elements of a vector");
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
          "streams of more than one loop, or with a shared tail");
    for (const Access& out : kernel.outputs) {
      const std::size_t size = size_of(plan_.buffers[out.buffer].dtype);
      check(!kernel.streams || (size >= 4 && kernel.lanes == plan_.target.lanes(size)),
            "streams of {} elements of {} bytes", kernel.lanes, size);
    }
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
    power_of_two(kernel.vectors, "vectors of rows");
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
    const int steps = kernel.prefetch_steps, ahead = kernel.prefetch_panels;
    check(steps >= 0 && ahead >= 0 && (steps == 0 || ahead == 0) &&
              (steps + ahead == 0 || (kernel.packed && kernel.columns_outer)),
          "it fetches {} steps and {} panels ahead", steps, ahead);
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
    check(kernel.rows == 1, "{} rows at a time of columns", kernel.rows);
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
    const ir::Family family = ir::info(kernel.op).family;
    check(family == ir::Family::reduction || family == ir::Family::search, "it reduces by {}",
          ir::to_string(kernel.op));
    check(
        family == ir::Family::reduction || kernel.inner <= std::numeric_limits<std::int32_t>::max(),
        "a search of {} elements", kernel.inner);
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

  // Of an op whose operands are `inputs`, the last of them indices: their buffers.
  std::vector<BufferId> lookup(const LibraryKernel& kernel, ir::Opcode op, std::size_t inputs) {
    check(main_.op(kernel.op).opcode == op, "a lookup by {}",
          ir::to_string(main_.op(kernel.op).opcode));
    this->kernel(kernel);
    check(kernel.inputs.size() == inputs && kernel.outputs.size() == 1, "a lookup of {} operands",
          kernel.inputs.size());
    std::vector<BufferId> buffers;
    for (const auto* all : {&kernel.inputs, &kernel.outputs}) {
      for (const std::int64_t id : *all) {
        check(id >= 0, "a lookup of a token");
        buffers.push_back(static_cast<BufferId>(id));
      }
    }
    const DType index = plan_.buffers[buffers[inputs - 1]].dtype;
    check(is_integer(index), "an index of {}", to_string(index));
    return buffers;
  }
  void kernel(const GatherKernel& kernel) {
    const std::vector<BufferId> all = lookup(kernel, ir::Opcode::gather, 2);
    access({all[0], {kernel.size * kernel.inner, kernel.inner, 1}},
           {kernel.outer, kernel.size, kernel.inner});
    access({all[1], {1}}, {kernel.count});
    access({all[2], {kernel.count * kernel.inner, kernel.inner, 1}},
           {kernel.outer, kernel.count, kernel.inner});
    check(plan_.buffers[all[0]].dtype == plan_.buffers[all[2]].dtype, "a lookup between dtypes");
    vector(kernel.lanes, buffer_dtype(all[2]));
  }
  void kernel(const OneHotKernel& kernel) {
    const std::vector<BufferId> all = lookup(kernel, ir::Opcode::one_hot, 1);
    check(kernel.depth <= std::numeric_limits<std::int32_t>::max(), "{} columns", kernel.depth);
    access({all[0], {1}}, {kernel.count});
    access({all[1], {kernel.depth, 1}}, {kernel.count, kernel.depth});
    vector(kernel.lanes, buffer_dtype(all[1]));
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
  }
  void divided(const Units& units, const NarrowDenseKernel& kernel) { parts_of(units, kernel.m); }
  void divided(const Units& units, const MatrixVectorKernel& kernel) {
    if (!kernel.batch.empty()) return turns_of(units, kernel.batch);
    parts_of(units, kernel.m);
    check(!kernel.m.is_known() || units.unit % kernel.lanes == 0, "units of {} rows", units.unit);
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
};

}  // namespace

void verify_kernel(const Plan& plan, const Step& step) {
  KernelVerifier(plan).run(step);
}

}  // namespace mlpjit::plan
