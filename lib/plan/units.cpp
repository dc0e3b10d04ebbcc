// The units of steps: which steps are divided among threads, and into what.

#include <algorithm>
#include <concepts>

#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

// Of the batch sizes that matter: where sizes are not known, a usual one.
constexpr std::int64_t kUsualBatch = 64;
// Of a vector of weights from the second cache: 64 bytes at some 40 bytes a cycle.
constexpr double kCyclesPerLoad = 1.6;

double usual(const Extent& extent) {
  return static_cast<double>(extent.at(kUsualBatch));
}

double turns(const std::vector<Extent>& loops) {
  double all = 1;
  for (const Extent& size : loops) all *= usual(size);
  return all;
}

std::int64_t blocks(std::int64_t count, std::int64_t size) {
  return (count + size - 1) / size;
}

// Roughly the cycles of a kernel, and its units.
class Dividing {
 public:
  explicit Dividing(const Plan& plan) : plan_(plan), main_(plan.graph->main()) {}

  double cycles(const ElementwiseKernel& kernel) const {
    const auto each = static_cast<double>(static_cast<std::size_t>(body_cost(main_, kernel.body)) +
                                          kernel.inputs.size() + kernel.outputs.size());
    return turns(kernel.loops) / kernel.lanes * each;
  }
  double cycles(const TransposeKernel& kernel) const {
    return turns(kernel.outer) * usual(kernel.rows) * usual(kernel.columns) / 4;
  }
  double cycles(const DenseProduct& kernel) const { return product_cycles(kernel); }
  double cycles(const ReductionKernel& kernel) const {
    return turns(kernel.outer) * static_cast<double>(kernel.inner) / kernel.lanes *
           (1 + body_cost(main_, kernel.producer));
  }
  double cycles(const ColumnReductionKernel& kernel) const {
    return usual(kernel.columns) * cycles(static_cast<const ReductionKernel&>(kernel));
  }
  double cycles(const RowKernel& kernel) const {
    return turns(kernel.outer) * static_cast<double>(kernel.columns) / kernel.lanes *
           (20 + body_cost(main_, kernel.producer) + body_cost(main_, kernel.consumer));
  }
  double cycles(const CopyKernel& kernel) const {
    return usual(plan_.buffers[kernel.from].bytes) / 16;
  }
  template <class Other>
    requires(!std::derived_from<Other, DenseProduct>)
  double cycles(const Other& /*library, control*/) const {
    return 0;
  }

  Units units(const ElementwiseKernel& kernel) const {
    if (kernel.loops.size() > 1) return outermost(kernel.loops);
    return whole_blocks(kernel.loops[0], 256 * static_cast<std::int64_t>(kernel.lanes));
  }
  Units units(const TransposeKernel& kernel) const {
    if (!kernel.outer.empty()) return outermost(kernel.outer);
    return whole_blocks(kernel.rows, kernel.lanes);
  }
  Units units(const DenseKernel& kernel) const {
    if (!kernel.batch.empty()) return outermost(kernel.batch);
    const Tiling& tiling = kernel.tilings.front();
    if (kernel.divides_panels) return {tiling.panels.groups, 1};
    if (!kernel.m.is_known()) return {kernel.m, 1};
    return {tiling.rows.groups, 1};
  }
  Units units(const NarrowDenseKernel& kernel) const {
    if (!kernel.m.is_known()) return {kernel.m, 1};
    return {blocks(kernel.m.known(), kernel.rows), kernel.rows};
  }
  Units units(const MatrixVectorKernel& kernel) const {
    if (!kernel.batch.empty()) return outermost(kernel.batch);
    if (!kernel.m.is_known()) return {kernel.m, 1};
    const std::int64_t rows = kernel.vectors * kernel.lanes;
    return {blocks(kernel.m.known(), rows), rows};
  }
  Units units(const ReductionKernel& kernel) const { return outermost(kernel.outer); }
  Units units(const ColumnReductionKernel& kernel) const {
    if (!kernel.outer.empty()) return outermost(kernel.outer);
    return whole_blocks(kernel.columns, kernel.lanes);
  }
  Units units(const RowKernel& kernel) const { return outermost(kernel.outer); }
  Units units(const CopyKernel& kernel) const {
    return whole_blocks(plan_.buffers[kernel.from].bytes, 1 << 14);
  }
  template <class Other>
  Units units(const Other& /*library, control*/) const {
    return {};
  }

 private:
  static Units outermost(const std::vector<Extent>& loops) {
    if (loops.empty()) return {};
    return {loops[0], 1};
  }
  // Blocks of a row of elements; one that is not known is divided where blocks come out even.
  static Units whole_blocks(const Extent& count, std::int64_t block) {
    if (count.is_known()) return {blocks(count.known(), block), block};
    while (block > 1 && !count.multiple_of(block)) block /= 2;
    return {count.divided_by(block), block};
  }

  const Plan& plan_;
  const ir::Function& main_;
};

}  // namespace

// Multiplications, or where rows are few the way of the weights from the cache.
double product_cycles(const DenseProduct& product) {
  const auto of_row = static_cast<double>(product.k * product.n) / product.lanes;
  return turns(product.batch) * of_row * std::max(usual(product.m) / 2, kCyclesPerLoad);
}

Units choose_units(const Plan& plan, const Kernel& kernel, const Division& division) {
  const Dividing dividing(plan);
  return std::visit(
      [&](const auto& one) {
        const double cycles = dividing.cycles(one);
        if (cycles < division.above) return Units{};
        Units units = dividing.units(one);
        if (!units.divided() || units.units == 1) return Units{};
        units.cycles =
            static_cast<std::int64_t>(std::max(1.0, cycles / std::max(1.0, usual(units.units))));
        return units;
      },
      kernel);
}

}  // namespace mlpjit::plan
