// Dense layers and matrix products: form, weights, register tile.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/ir/dense_form.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"
#include "lib/plan/op_cycles.h"
#include "lib/plan/planner.h"
#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

// The sum over the groups of what one of its size costs.
template <class F>
double cost_of(const EvenSplit& split, F&& of) {
  return (split.larger == 0 ? 0.0 : static_cast<double>(split.larger) * of(split.size + 1)) +
         static_cast<double>(split.groups - split.larger) * of(split.size);
}

struct Choice {
  Tile tile;
  double cycles = std::numeric_limits<double>::max();
};

// The best tile for m rows, of the heights that `allowed` takes.
//
// Per step of k a tile takes the longest of: its multiply-adds, the latency of one over the chains
// that are live at once, its share of L2 bandwidth for the weights. Loads weigh a little besides.
// Chains are added at the end; those that are not live at once go one after the other, what they
// sum waiting on the stack. Each micro-kernel of another size costs compile time, counted as 0.5 %.
template <class Allowed>
Choice best_tile(const DenseKernel& kernel, std::int64_t m, const Target& target,
                 const Allowed& allowed) {
  const std::int64_t panels = (kernel.n + kernel.panel - 1) / kernel.panel;
  const double vectors = static_cast<double>(kernel.panel) *
                         static_cast<double>(size_of(kernel.dtype)) / target.vector_bytes;
  const double bytes_per_cycle = 24, fma_per_cycle = 2, latency = 4, call = 40;
  Choice best;
  const auto consider = [&](int r, int p, int live) {
    // Accumulators, the weights of one step and a broadcast; a lone row multiplies straight from
    // memory.
    const double registers = live * r * p * vectors + (r == 1 ? 2 : p * vectors + 1);
    if (registers > target.vector_registers - 1 || r > m || p > panels || !allowed(r)) return;
    const auto tile_cost = [&](std::int64_t rows, std::int64_t columns) {
      const double v = static_cast<double>(columns) * vectors, sums = static_cast<double>(rows) * v;
      const double step = std::max(
          {sums / fma_per_cycle, latency / live, v * target.vector_bytes / bytes_per_cycle});
      const double loads = 0.15 * (v + static_cast<double>(rows));
      const int rounds = kernel.chains / live;  // one after the other
      const double joins = sums * (kernel.chains - 1) + (4 * sums + 20) * (rounds - 1);
      return static_cast<double>(kernel.k) * (step + loads) + joins + call;
    };
    const EvenSplit by_rows(m, r), by_panels(panels, p);
    const int kernels =
        by_rows.sizes() * (by_panels.sizes() + (kernel.n % kernel.panel != 0 ? 1 : 0));
    const double cost =
        (1 + 0.005 * kernels) * cost_of(by_rows, [&](std::int64_t rows) {
          return cost_of(by_panels, [&](std::int64_t columns) { return tile_cost(rows, columns); });
        });
    if (cost < best.cycles) best = {{r, p, live}, cost};
  };
  for (int p = 1; p <= 8; ++p) {
    for (int r = 1; r <= 12; ++r) {
      for (int live = kernel.chains; live >= 1; live /= 2) consider(r, p, live);
    }
  }
  return best;
}

// What the reason says of chains.
std::string in_chains(const DenseKernel& kernel) {
  return kernel.chains == 1 ? "" : fmt::format("{} chains, ", kernel.chains);
}

// What the ops after the product take, on every vector of results. The same for every tile.
double epilogue_cycles(const ir::Function& main, const DenseKernel& kernel, const Target& target) {
  double each = 0;
  for (const ir::OpId id : kernel.epilogue.ops)
    each += op_cycles(main.op(id).opcode, kernel.dtype, target);
  const double lanes = target.vector_bytes / static_cast<double>(size_of(kernel.dtype));
  return each * std::ceil(static_cast<double>(kernel.n) / lanes) *
         static_cast<double>(kernel.m.known());
}

// Without the instruction each step is a call; chains gain nothing by being live at once.
constexpr const char* kNoFma = "no fma instruction: one row, one panel";

// `after`: cycles of the ops after the product.
std::pair<Tile, std::string> tile_and_reason(const DenseKernel& kernel, const Target& target,
                                             double after) {
  if (!target.fma) return {{1, 1}, kNoFma};
  const Choice best = best_tile(kernel, kernel.m.known(), target, [](int) { return true; });
  return {best.tile,
          fmt::format("{}tiles of {} rows x {} panels, about {:.0f} cycles", in_chains(kernel),
                      best.tile.rows, best.tile.panels, best.cycles + after)};
}

// For a number of rows that is not known; the heights are powers of two: batch sizes often are
// multiples of them.
std::pair<std::vector<Tile>, std::string> tiles_and_reason(const DenseKernel& kernel,
                                                           const Target& target) {
  if (!target.fma) return {{{1, 1}}, kNoFma};
  constexpr std::int64_t kUsual = 64;
  const auto power_of_two = [](int r) { return r > 1 && (r & (r - 1)) == 0; };
  std::vector<Tile> tiles = {best_tile(kernel, kUsual, target, power_of_two).tile};
  std::string reason = fmt::format("for any number of rows: {}tiles of {} rows x {} panels",
                                   in_chains(kernel), tiles[0].rows, tiles[0].panels);
  for (int rows = tiles[0].rows / 2; rows >= 1; rows /= 2) {
    tiles.push_back(best_tile(kernel, rows, target, [rows](int r) { return r == rows; }).tile);
    reason += fmt::format(", {} x {}", tiles.back().rows, tiles.back().panels);
  }
  return {tiles, reason};
}

// What remains to be decided of one function of `rows` x `panels`.
MicroKernel micro_kernel(const ir::Function& main, const DenseKernel& kernel, std::int64_t rows,
                         std::int64_t panels, bool partial, int live) {
  MicroKernel made{static_cast<int>(rows), static_cast<int>(panels), partial, live};
  const std::int64_t sums = rows * panels * (kernel.panel / kernel.lanes);
  // Large tiles hide the loop's own instructions; small ones are unrolled.
  const int unroll = sums >= 12 ? 1 : sums > 4 ? 2 : 4;
  made.steps = kernel.chains * std::max(1, unroll / live);
  // Beyond this many instructions per vector there is one copy of the epilogue.
  constexpr int kInlined = 14;
  made.looped_epilogue = kernel.epilogue_lanes != kernel.lanes ||
                         (body_cost(main, kernel.epilogue) > kInlined && sums > 1);
  return made;
}

// Of a kernel that has all but its tilings.
void set_tiles(const ir::Function& main, DenseKernel& kernel, const std::vector<Tile>& tiles,
               int threads) {
  const std::int64_t panels = (kernel.n + kernel.panel - 1) / kernel.panel;
  const bool partial = kernel.n % kernel.panel != 0;
  for (const Tile& tile : tiles) {
    EvenSplit rows(kernel.m.is_known() ? kernel.m.known() : tile.rows, tile.rows);
    EvenSplit columns(panels, tile.panels);
    if (kernel.divides_panels)
      columns = EvenSplit::among(panels, tile.panels, threads);
    else if (kernel.m.is_known())
      rows = EvenSplit::among(kernel.m.known(), tile.rows, threads);
    const Tiling& tiling = kernel.tilings.emplace_back(Tiling{rows, columns});
    const auto add = [&](std::int64_t height, std::int64_t width, bool with_rest) {
      kernel.micro_kernels.push_back(
          micro_kernel(main, kernel, height, width, with_rest, tile.live));
    };
    for (int i = 0; i < tiling.rows.sizes(); ++i) {
      const std::int64_t height = tiling.rows.size + i;
      const std::int64_t smaller = tiling.panels.groups - tiling.panels.larger;
      if (tiling.panels.larger > 0) add(height, tiling.panels.size + 1, false);
      if (smaller > (partial ? 1 : 0)) add(height, tiling.panels.size, false);
      if (partial) add(height, tiling.panels.size, true);
    }
  }
}

// The first tile of rows that a group of panels passes would wait for each line, though the
// processor fetches ahead by itself. From the last level of cache the tiles before fetch the group,
// some panels each. From memory more lines would be under way than a core keeps track of: there the
// group is fetched as it is read, a little ahead.
void set_prefetch(DenseKernel& kernel, const Target& target) {
  if (!kernel.columns_outer || !kernel.packed) return;
  const std::size_t weights = static_cast<std::size_t>(kernel.n * kernel.k) * size_of(kernel.dtype);
  if (weights > target.cached_bytes()) {
    kernel.prefetch_steps = 64;
    return;
  }
  const Tiling& tiling = kernel.tilings.front();
  const std::int64_t panels = tiling.panels.largest();
  const std::int64_t passes =
      kernel.m.is_known() ? (kernel.m.known() - 1) / tiling.rows.largest() + 1 : panels;
  constexpr std::int64_t kMostPasses = 32;  // of more the first counts for little
  if (passes <= kMostPasses)
    kernel.prefetch_panels = static_cast<int>((panels + passes - 1) / passes);
}

// The lane form: rows x outputs of 16 lanes each; one register of every lane's weights and one of x
// besides.
std::string set_tile(NarrowDenseKernel& kernel, const Target& target) {
  kernel.lanes = std::min(target.lanes(size_of(kernel.dtype)), numerics::kLanes);
  const int parts = numerics::kLanes / kernel.lanes;
  int rows =
      kernel.m.is_known() ? static_cast<int>(std::min<std::int64_t>(kernel.m.known(), 4)) : 4;
  const auto columns_of = [&](int r) { return (target.vector_registers - 2) / (r * parts + 1); };
  while (rows > 1 && columns_of(rows) < 2) rows /= 2;
  const std::int64_t columns = std::min<std::int64_t>(kernel.n, std::clamp(columns_of(rows), 1, 8));
  kernel.rows = rows;
  kernel.columns = {kernel.n, columns};
  return fmt::format("narrow: 16 lanes over k, tiles of {} rows x {} outputs", rows, columns);
}

// One column: rows side by side in vectors, two of them where there are so many. But rows that
// begin a multiple of 2 KB apart fall into so few sets of the first-level cache that 32 would not
// fit.
std::string set_rows(const ir::Function& main, MatrixVectorKernel& kernel, const Target& target) {
  kernel.lanes =
      std::min(target.lanes(size_of(kernel.dtype)), body_lanes(main, kernel.epilogue, target));
  const bool few = kernel.m.is_known() && kernel.m.known() < 2 * kernel.lanes;
  const bool crowded =
      kernel.x_stride * static_cast<std::int64_t>(size_of(kernel.dtype)) % 2048 == 0;
  kernel.vectors = few || crowded ? 1 : 2;
  return fmt::format("one column: {} rows at a time", kernel.vectors * kernel.lanes);
}

}  // namespace

std::pair<Tile, std::string> choose_tile(const DenseKernel& kernel, const Target& target) {
  return tile_and_reason(kernel, target, 0);
}

const MicroKernel& DenseKernel::micro_kernel(std::int64_t of_rows, std::int64_t of_panels,
                                             bool partial) const {
  const auto found =
      std::find_if(micro_kernels.begin(), micro_kernels.end(), [&](const MicroKernel& each) {
        return each.rows == of_rows && each.panels == of_panels && each.partial == partial;
      });
  if (found == micro_kernels.end()) {
    throw InternalError(
        fmt::format("plan: no micro-kernel of {} rows x {} panels", of_rows, of_panels));
  }
  return *found;
}

// Weights in rows [N, K] are packed when they are an input or a constant; a matrix [K, N] is used
// as it is.
bool Planner::place_weight(DenseKernel& kernel, const ir::Op& op, std::string& why_not) {
  const auto turned = waiting_.find(resolve(op.operands[1]));
  const bool is_dense = op.opcode == ir::Opcode::dense, is_turned = turned != waiting_.end();
  if (!is_dense && !is_turned) {
    kernel.weight = buffer(op.operands[1]);
    kernel.panel_step = kernel.panel;
    kernel.k_step = kernel.n;
    kernel.packed = false;
    return true;
  }
  const ir::ValueId weight = is_dense ? op.operands[1] : main_.op(turned->second).operands[0];
  const PackedLayout layout = packed_layout(kernel.n, kernel.k, kernel.dtype);
  const std::span<const ir::ValueId> inputs = main_.body().arguments;
  const bool is_input = std::find(inputs.begin(), inputs.end(), resolve(weight)) != inputs.end();
  if (!is_input && constant_of(weight) == nullptr) return why_not = "its weight is computed", false;
  kernel.panel_step = layout.panel_stride;
  kernel.k_step = layout.panel;
  kernel.weight = is_input ? packed_slot(weight, layout) : packed_constant(weight, layout);
  return true;
}

// A constant weight is packed here, once.
BufferId Planner::packed_constant(ir::ValueId weight, const PackedLayout& layout) {
  const ir::Literal& literal = constant_of(weight)->attrs.get<ir::Literal>("value");
  const Shape shape({layout.panels() * layout.panel_stride});
  std::vector<std::byte> bytes(layout.bytes());
  pack(layout, literal.data(), bytes.data());
  const ir::Literal packed = ir::make_literal(layout.dtype, shape, bytes.data());
  return slot_buffer(constant_slot(packed), packed.type(),
                     main_.value(resolve(weight)).name + ".packed");
}

BufferId Planner::packed_slot(ir::ValueId weight, const PackedLayout& layout) {
  const std::span<const ir::ValueId> inputs = main_.body().arguments;
  const auto input = static_cast<std::uint32_t>(
      std::find(inputs.begin(), inputs.end(), resolve(weight)) - inputs.begin());
  for (const PackedUse& use : packed_) {
    if (use.input == input && use.layout == layout) return use.buffer;
  }
  const ir::Type& info = type(resolve(weight));
  const BufferId made = slot_buffer(0, info, main_.value(resolve(weight)).name + ".packed");
  plan_.buffers[made].bytes = layout.bytes();
  packed_.push_back({layout, input, made});
  return made;
}

bool Planner::plan_dense(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not) {
  const ir::Op& op = main_.op(root);
  const bool is_dense = op.opcode == ir::Opcode::dense;
  const ir::ValueId result = ops.size() == 1 ? op.results[0] : resolve(named.results[0]);
  const ir::Type &x = type(op.operands[0]), &w = type(op.operands[1]);
  if (!is_floating(x.dtype)) return why_not = "integers", false;
  if (x.shape.rank() == 0) return why_not = "rank 0", false;
  const bool vector = !is_dense && w.shape.rank() == 1, dot = vector && x.shape.rank() == 1;

  const Dim depth = x.shape[-1], width = vector ? Dim(1) : w.shape[is_dense ? 0 : -1];
  if (!depth.is_static() || !width.is_static())
    return why_not = "the size of its right operand is not known", false;

  DenseProduct product;
  product.dtype = x.dtype;
  product.k = depth.value();
  product.n = width.value();
  const ir::DenseForm form = ir::dense_form(product.n, product.k);
  const bool lanes = dot || (is_dense && form.lanes);
  const bool one_column = !is_dense && !dot && product.n == 1;
  const Sides parts = sides(ops, root);
  const std::optional<Body> epilogue = make_body(parts.consumers, op.results, {result});
  if (!epilogue || !parts.producers.empty())
    return why_not = "an op after it is not compiled", false;
  if (is_empty(type(op.results[0]).shape)) return buffer(result), true;
  if (product.k == 0)
    return why_not = "nothing to sum over", false;  // packed, it would take memory
  const std::int64_t panel = packed_layout(product.n, product.k, product.dtype).panel;
  if (!plan_.target.fma && !lanes && product.n < panel) return why_not = "narrow, no fma", false;

  product.epilogue = *epilogue;
  if (!walk_rows(product, op, result, why_not)) return false;
  const auto filled = [&]<class K>(K kernel) {
    static_cast<DenseProduct&>(kernel) = std::move(product);
    return kernel;
  };
  const auto add = [&](auto kernel, std::string reason) {
    add_step(std::move(kernel), named, ir::to_string(op.opcode), std::move(reason));
    return true;
  };
  if (one_column || lanes) product.weight = buffer(op.operands[1]);
  if (one_column) {
    MatrixVectorKernel kernel = filled(MatrixVectorKernel{});
    place_operands(kernel, op);
    std::string reason = set_rows(main_, kernel, plan_.target);
    return add(std::move(kernel), std::move(reason));
  }
  if (lanes) {
    NarrowDenseKernel kernel = filled(NarrowDenseKernel{});
    place_operands(kernel, op);
    std::string reason = set_tile(kernel, plan_.target);
    return add(std::move(kernel), std::move(reason));
  }
  DenseKernel kernel = filled(DenseKernel{});
  if (is_dense) kernel.chains = form.chains;
  kernel.panel = panel;
  if (!place_weight(kernel, op, why_not)) return false;
  place_operands(kernel, op);
  std::string reason = decide_chains(kernel);
  return add(std::move(kernel), std::move(reason));
}

void Planner::place_operands(DenseProduct& product, const ir::Op& op) {
  product.x = buffer(op.operands[0]);
  if (op.operands.size() > 2) product.bias = buffer(op.operands[2]);
}

// Lanes, tiles, micro-kernels and the order of loops; gives the reason.
std::string Planner::decide_chains(DenseKernel& kernel) {
  const Target& target = plan_.target;
  kernel.lanes = std::min(target.lanes(size_of(kernel.dtype)), static_cast<int>(kernel.panel));
  kernel.epilogue_lanes = body_lanes(main_, kernel.epilogue, target);
  std::vector<Tile> tiles(1);
  std::string reason;
  if (kernel.m.is_known()) {
    std::tie(tiles[0], reason) =
        tile_and_reason(kernel, target, epilogue_cycles(main_, kernel, target));
  } else {
    std::tie(tiles, reason) = tiles_and_reason(kernel, target);
  }
  const std::size_t weights = static_cast<std::size_t>(kernel.n * kernel.k) * size_of(kernel.dtype);
  const bool many_rows = !kernel.m.is_known() || kernel.m.known() > tiles[0].rows;
  kernel.columns_outer = many_rows && weights > target.l2_bytes / 2;
  if (kernel.columns_outer) reason += ", panels outermost: the weights exceed half of L2";
  // Among threads: each reads its own weights, of few rows or many weights; else its own rows,
  // which it has made itself in the layer before.
  const bool few_rows = kernel.m.is_known() && kernel.m.known() < tiles[0].rows * division_.threads;
  // Of a batch each product is passed by one thread.
  const bool divided =
      kernel.batch.empty() && division_.threads > 1 && product_cycles(kernel) >= division_.above;
  kernel.divides_panels = divided && kernel.m.is_known() && kernel.n > kernel.panel &&
                          (kernel.columns_outer || few_rows);
  set_tiles(main_, kernel, tiles, divided ? division_.threads : 1);
  set_prefetch(kernel, target);
  return reason;
}

namespace {

// Of both forms of many columns; null for other kernels.
DenseProduct* dense_product(Kernel& kernel) {
  if (auto* dense = std::get_if<DenseKernel>(&kernel)) return dense;
  return std::get_if<NarrowDenseKernel>(&kernel);
}

}  // namespace

// Rows of intermediates that only dense kernels touch get a stride that is no multiple of 1 KB:
// rows that far apart fall into the same sets of the cache.
void Planner::pad_rows() {
  std::vector<bool> wanted(plan_.buffers.size(), false), refused(plan_.buffers.size(), false);
  for (BufferId id = 0; id < plan_.buffers.size(); ++id) {
    const Buffer& buffer = plan_.buffers[id];
    if (buffer.root != id) refused[buffer.root] = refused[id] = true;
    if (buffer.place != Place::workspace || buffer.shape.rank() < 2 || buffer.bytes == 0 ||
        !buffer.shape[-1].is_static()) {
      refused[id] = true;
    }
  }
  for (Step& step : plan_.steps) {
    const DenseProduct* dense = dense_product(step.kernel);
    for_each_buffer(step.kernel, [&](BufferId id, bool written) {
      const bool rows =
          dense != nullptr && dense->batch.empty() && dense->m != 1 && (written || id == dense->x);
      (rows ? wanted : refused)[id] = true;
    });
    if (dense == nullptr) continue;
    for (const Access& extra : dense->extras) refused[extra.buffer] = true;
    if (dense->bias >= 0) refused[static_cast<BufferId>(dense->bias)] = true;
    refused[dense->weight] = true;
  }
  for (BufferId id = 0; id < plan_.buffers.size(); ++id) {
    Buffer& buffer = plan_.buffers[id];
    if (!wanted[id] || refused[id]) continue;
    const std::int64_t width = buffer.shape[-1].value(),
                       line = static_cast<std::int64_t>(64 / size_of(buffer.dtype));
    buffer.row_stride = (width + line - 1) / line * line + line;
    if (buffer.row_stride % (16 * line) == 0) buffer.row_stride += line;
    buffer.bytes = buffer.bytes.divided_by(width) * buffer.row_stride;
  }
  for (Step& step : plan_.steps) {
    DenseProduct* dense = dense_product(step.kernel);
    if (dense == nullptr) continue;
    if (const auto stride = plan_.buffers[dense->x].row_stride; stride != 0)
      dense->x_stride = stride;
    if (const auto stride = plan_.buffers[dense->out.buffer].row_stride; stride != 0)
      dense->out.strides[0] = stride;
  }
}

}  // namespace mlpjit::plan
