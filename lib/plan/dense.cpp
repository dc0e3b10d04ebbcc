// Dense layers and matrix products: form, weights, register tile.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/ir/dense_form.h"
#include "lib/plan/op_cycles.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

// `count` things in tiles of at most `most`, as even as can be: one size, or two that differ by
// one.
struct Split {
  std::int64_t tiles, size, larger;
  Split(std::int64_t count, std::int64_t most)
      : tiles((count + most - 1) / most), size(count / tiles), larger(count % tiles) {}
  int sizes() const { return larger == 0 ? 1 : 2; }
  template <class F>
  double cost(F&& of) const {
    return (larger == 0 ? 0.0 : static_cast<double>(larger) * of(size + 1)) +
           static_cast<double>(tiles - larger) * of(size);
  }
};

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
    const Split by_rows(m, r), by_panels(panels, p);
    const int kernels =
        by_rows.sizes() * (by_panels.sizes() + (kernel.n % kernel.panel != 0 ? 1 : 0));
    const double cost = (1 + 0.005 * kernels) * by_rows.cost([&](std::int64_t rows) {
      return by_panels.cost([&](std::int64_t columns) { return tile_cost(rows, columns); });
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

}  // namespace

std::pair<Tile, std::string> choose_tile(const DenseKernel& kernel, const Target& target) {
  return tile_and_reason(kernel, target, 0);
}

// Heights are powers of two: batch sizes often are multiples of them.
std::string choose_tiles(DenseKernel& kernel, const Target& target) {
  if (!target.fma) {
    kernel.tile = {1, 1};
    return kNoFma;
  }
  constexpr std::int64_t kUsual = 64;
  kernel.tile =
      best_tile(kernel, kUsual, target, [](int r) { return r > 1 && (r & (r - 1)) == 0; }).tile;
  std::string reason = fmt::format("for any number of rows: {}tiles of {} rows x {} panels",
                                   in_chains(kernel), kernel.tile.rows, kernel.tile.panels);
  for (int rows = kernel.tile.rows / 2; rows >= 1; rows /= 2) {
    const Tile tile = best_tile(kernel, rows, target, [rows](int r) { return r == rows; }).tile;
    kernel.short_tiles.push_back(tile);
    reason += fmt::format(", {} x {}", tile.rows, tile.panels);
  }
  return reason;
}

// The lane form: rows x outputs of 16 lanes each; one register of every lane's weights and one of x
// besides.
std::pair<Tile, std::string> choose_lane_tile(const DenseKernel& kernel, const Target& target) {
  const int parts = std::max(1, 16 / target.lanes(size_of(kernel.dtype)));
  int rows =
      kernel.m.is_known() ? static_cast<int>(std::min<std::int64_t>(kernel.m.known(), 4)) : 4;
  const auto columns_of = [&](int r) { return (target.vector_registers - 2) / (r * parts + 1); };
  while (rows > 1 && columns_of(rows) < 2) rows /= 2;
  const auto columns =
      static_cast<int>(std::min<std::int64_t>(kernel.n, std::clamp(columns_of(rows), 1, 8)));
  return {{rows, columns},
          fmt::format("narrow: 16 lanes over k, tiles of {} rows x {} outputs", rows, columns)};
}

// Weights in rows [N, K] are packed when they are an input or a constant; a matrix [K, N] is used
// as it is.
bool Planner::place_weight(DenseKernel& kernel, ir::ValueId weight, bool row_major_nk,
                           std::string& why_not) {
  const PackedLayout layout = packed_layout(kernel.n, kernel.k, kernel.dtype);
  kernel.panel = layout.panel;
  if (kernel.lanes) {
    kernel.weight = buffer(weight);
    return true;
  }
  if (!row_major_nk) {
    kernel.weight = buffer(weight);
    kernel.panel_step = kernel.panel;
    kernel.k_step = kernel.n;
    kernel.packed = false;
    return true;
  }
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
  const ir::Type &x = type(op.operands[0]), &w = type(op.operands[1]), &to = type(op.results[0]);
  if (!is_floating(x.dtype)) return why_not = "integers", false;
  if (x.shape.rank() == 0) return why_not = "rank 0", false;
  if (!is_dense && w.shape.rank() > 2) return why_not = "batches of right operands", false;
  const bool dot = !is_dense && w.shape.rank() == 1;
  if (dot && x.shape.rank() != 1) return why_not = "a vector on the right", false;

  const Dim depth = x.shape[-1], width = dot ? Dim(1) : w.shape[is_dense ? 0 : 1];
  if (!depth.is_static() || !width.is_static())
    return why_not = "the size of its right operand is not known", false;

  DenseKernel kernel;
  kernel.dtype = x.dtype;
  kernel.k = depth.value();
  kernel.n = width.value();
  kernel.m = 1;
  for (int d = 0; d + 1 < x.shape.rank(); ++d) kernel.m = kernel.m * Extent(x.shape[d]);
  const ir::DenseForm form = ir::dense_form(kernel.n, kernel.k);
  kernel.lanes = dot || (is_dense && form.lanes);
  if (is_dense) kernel.chains = form.chains;
  const Split parts = split(ops, root);
  const std::optional<Body> epilogue = make_body(parts.consumers, op.results, {result});
  if (!epilogue || !parts.producers.empty())
    return why_not = "an op after it is not compiled", false;
  if (kernel.m * kernel.n == Extent(0)) return buffer(result), true;
  if (kernel.k == 0) return why_not = "nothing to sum over", false;  // packed, it would take memory
  if (kernel.n == 1 && !is_dense && !dot) return why_not = "one column", false;
  if (!plan_.target.fma && !kernel.lanes && kernel.n < kernel.panel)
    return why_not = "narrow, no fma", false;

  // Strides over (m, n): the leading axes as one loop.
  const Shape shape = dot ? Shape({1, 1}) : x.shape.rank() == 1 ? Shape({1, kernel.n}) : to.shape;
  std::vector<Access> accesses;
  for (std::size_t i = 1; i < epilogue->arguments.size(); ++i)
    accesses.push_back(access(epilogue->arguments[i], shape));
  accesses.push_back(access(result, shape));
  LoopNest nest;
  for (int d = 0; d < shape.rank(); ++d) nest.sizes.emplace_back(shape[d]);
  for (Access& each : accesses) nest.accesses.push_back(&each);
  const std::size_t leading = nest.sizes.size() - 1;
  nest.collapse(0, leading);
  if (nest.sizes.size() == 1) {  // m is 1
    nest.sizes.insert(nest.sizes.begin(), 1);
    for (Access& each : accesses) each.strides.insert(each.strides.begin(), 0);
  }
  if (nest.sizes.size() != 2)
    return why_not = "an operand of the epilogue repeats over a leading axis", false;
  for (const Access& each : accesses) {
    if (each.strides[1] != 0 && each.strides[1] != 1)
      return why_not = "an operand of the epilogue is not a row", false;
  }
  const auto turned = waiting_.find(resolve(op.operands[1]));
  const bool is_turned = !is_dense && turned != waiting_.end();
  const ir::ValueId weight = is_turned ? main_.op(turned->second).operands[0] : op.operands[1];
  if (!place_weight(kernel, weight, is_dense || is_turned, why_not)) return false;
  kernel.x = buffer(op.operands[0]);
  kernel.x_stride = kernel.k;
  if (op.operands.size() > 2) kernel.bias = buffer(op.operands[2]);
  kernel.out = accesses.back();
  accesses.pop_back();
  kernel.extras = std::move(accesses);
  kernel.epilogue = *epilogue;
  std::string reason;
  if (kernel.lanes) {
    std::tie(kernel.tile, reason) = choose_lane_tile(kernel, plan_.target);
  } else if (kernel.m.is_known()) {
    std::tie(kernel.tile, reason) =
        tile_and_reason(kernel, plan_.target, epilogue_cycles(main_, kernel, plan_.target));
  } else {
    reason = choose_tiles(kernel, plan_.target);
  }
  if (!kernel.lanes) {
    const std::size_t weights =
        static_cast<std::size_t>(kernel.n * kernel.k) * size_of(kernel.dtype);
    const bool many_rows = !kernel.m.is_known() || kernel.m.known() > kernel.tile.rows;
    kernel.columns_outer = many_rows && weights > plan_.target.l2_bytes / 2;
    if (kernel.columns_outer) reason += ", panels outermost: the weights exceed half of L2";
  }
  add_step(std::move(kernel), named, ir::to_string(op.opcode), reason);
  return true;
}

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
  for (const Step& step : plan_.steps) {
    const auto* dense = std::get_if<DenseKernel>(&step.kernel);
    for_each_buffer(step.kernel, [&](BufferId id, bool written) {
      const bool rows = dense != nullptr && dense->m != 1 && (written || id == dense->x);
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
    auto* dense = std::get_if<DenseKernel>(&step.kernel);
    if (dense == nullptr) continue;
    if (const auto stride = plan_.buffers[dense->x].row_stride; stride != 0)
      dense->x_stride = stride;
    if (const auto stride = plan_.buffers[dense->out.buffer].row_stride; stride != 0)
      dense->out.strides[0] = stride;
  }
}

}  // namespace mlpjit::plan
