#pragma once
// The kernels of a plan: all that code generation has to know of each, and decides nothing of.

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/plan/extent.h"

namespace mlpjit::plan {

using BufferId = std::uint32_t;

// How a kernel reads or writes a buffer: element strides for each loop dimension (0: broadcast).
struct Access {
  BufferId buffer = 0;
  std::vector<Extent> strides;
  Extent first = 0;  // where the loops begin; of element-wise kernels and transposes only
  friend bool operator==(const Access&, const Access&) = default;
};

// Element-wise code: ops of the main function from `arguments` to `results`, in order. Values of
// one element that are known are in `scalars` and become immediate operands.
struct Body {
  struct Scalar {
    ir::ValueId value;
    ir::Literal literal;
    friend bool operator==(const Scalar&, const Scalar&) = default;
  };
  std::vector<ir::ValueId> arguments;
  std::vector<Scalar> scalars;
  std::vector<ir::OpId> ops;
  std::vector<ir::ValueId> results;
  friend bool operator==(const Body&, const Body&) = default;
};

// out[i...] = body(in[i...]), loops outermost first, the last one vectorised; accesses of the last
// loop have stride 0, 1 or other (gathered by scalar loads).
struct ElementwiseKernel {
  std::vector<Extent> loops;
  std::vector<Access> inputs;
  std::vector<Access> outputs;
  Body body;      // arguments: inputs; results: outputs
  int lanes = 0;  // elements of one vector: the target's, by the widest dtype of the body
  bool shared_tail = false;  // one copy of the body for whole vectors and the last, partial one
  bool streams = false;      // outputs that are aligned to a vector are written past the caches
  friend bool operator==(const ElementwiseKernel&, const ElementwiseKernel&) = default;
};

// out[o..., c, r] = in[o..., r, c], elements as they are: blocks turned over in registers. Both
// accesses have strides over (outer..., r, c); that of `in` over c is 1, that of `out` over r.
struct TransposeKernel {
  std::vector<Extent> outer;
  Extent rows, columns;
  Access in, out;
  int lanes = 0;  // rows at a time
  friend bool operator==(const TransposeKernel&, const TransposeKernel&) = default;
};

// `count` things in groups, as even as can be: first `larger` groups of size + 1, then `groups -
// larger` of `size`.
struct EvenSplit {
  std::int64_t groups = 0, larger = 0, size = 0;
  EvenSplit() = default;
  EvenSplit(std::int64_t count, std::int64_t most)
      : EvenSplit((count + most - 1) / most, count % ((count + most - 1) / most),
                  count / ((count + most - 1) / most)) {}
  // The same with the number of groups rounded up to a multiple of `threads`, but where there are
  // so many for each that it does not matter.
  static EvenSplit among(std::int64_t count, std::int64_t most, int threads) {
    std::int64_t groups = (count + most - 1) / most;
    if (groups < 8 * threads) groups = std::min(count, (groups + threads - 1) / threads * threads);
    return {groups, count % groups, count / groups};
  }
  std::int64_t count() const { return groups * size + larger; }
  int sizes() const { return larger == 0 ? 1 : 2; }
  std::int64_t largest() const { return size + (larger > 0 ? 1 : 0); }
  friend bool operator==(const EvenSplit&, const EvenSplit&) = default;

 private:
  EvenSplit(std::int64_t in_all, std::int64_t of_more, std::int64_t each)
      : groups(in_all), larger(of_more), size(each) {}
};

// out[m, n] = epilogue(bias[n] + sum over k of x[m, k] * w[n, k], extra...): what both forms of the
// sum have (docs/numerics.md). In a batch, for each turn of the loops around it: other rows,
// weights and results.
struct DenseProduct {
  DType dtype = DType::f32;
  Extent m;
  std::int64_t k = 0, n = 0;
  BufferId x = 0, weight = 0;
  std::int64_t x_stride = 0;                  // elements from row to row
  std::int64_t bias = -1;                     // buffer, or -1
  int lanes = 0;                              // elements of one vector of sums
  std::vector<Extent> batch;                  // loops, outermost first; usually none
  std::vector<Extent> x_batch, weight_batch;  // strides over them
  Body epilogue;               // arguments: the dense result, then extras; one result
  std::vector<Access> extras;  // strides over (batch..., m, n)
  Access out;                  // strides over (batch..., m, n)
  const Extent& row_stride(const Access& access) const { return access.strides[batch.size()]; }
  const Extent& column_stride(const Access& access) const { return access.strides.back(); }
  friend bool operator==(const DenseProduct&, const DenseProduct&) = default;
};

// One function of generated code: `rows` x `panels` accumulators of one panel each.
struct MicroKernel {
  int rows = 1, panels = 1;
  bool partial = false;  // its last panel has only the columns beyond a multiple of the panel
  int live = 1;          // chains that are summed at a time; the others wait on the stack
  int steps = 1;         // of k in one turn of its loop: a multiple of the chains
  bool looped_epilogue = false;  // over the tile on the stack, else on the accumulators
  friend bool operator==(const MicroKernel&, const MicroKernel&) = default;
};

// How rows and panels are passed by micro-kernels: tiles of `rows`, and panels as `panels` says.
struct Tiling {
  EvenSplit rows;  // where m is not known: one group, the height of a tile
  EvenSplit panels;
  friend bool operator==(const Tiling&, const Tiling&) = default;
};

// The chain form. Element (k, n) of the weight is at panel_step * (n / panel) + k_step * k + n %
// panel, which covers packed weights and the right operand of a matmul.
struct DenseKernel : DenseProduct {
  int chains = 1;  // a power of two
  std::int64_t panel = 16, panel_step = 0, k_step = 0;
  bool packed = true;  // aligned, and the last panel may be read whole
  // Where m is known, one. Else the tilings by descending height, the last of one row: rows go by
  // the first whose height they fill; its last turn starts early enough to end with the last row.
  std::vector<Tiling> tilings;
  bool divides_panels = false;  // where it is divided: groups of panels, not rows
  bool columns_outer = false;   // keep a group of panels in L2 and pass all rows by it
  // What is fetched into L2: weights so many steps of k ahead, or so many panels of the next group
  // by each tile of rows, until it is there.
  int prefetch_steps = 0, prefetch_panels = 0;
  int epilogue_lanes = 0;                  // elements of one vector of a looped epilogue
  std::vector<MicroKernel> micro_kernels;  // what the tilings call, no two of one size
  friend bool operator==(const DenseKernel&, const DenseKernel&) = default;

  // Of that size. Throws InternalError where the plan has none.
  const MicroKernel& micro_kernel(std::int64_t rows, std::int64_t panels, bool partial) const;
};

// The lane form, of narrow layers: lanes over k, a register for each of `rows` x columns results;
// the weight is row-major [N, K]. Where m is known, the last turn starts early enough to end with
// the last row; else, and where it is divided, rows beyond a multiple of `rows` go one by one.
struct NarrowDenseKernel : DenseProduct {
  int rows = 1;
  EvenSplit columns;
  int finished_at_once = 2;  // of more results of a tile the lanes are added in a loop
  friend bool operator==(const NarrowDenseKernel&, const NarrowDenseKernel&) = default;
};

// One column of a matrix product, each result one chain over k: rows of x side by side in vectors.
// The weight is a vector of k elements; rows beyond whole vectors are one with lanes that are not
// used.
struct MatrixVectorKernel : DenseProduct {
  int vectors = 1;  // of rows, at a time
  friend bool operator==(const MatrixVectorKernel&, const MatrixVectorKernel&) = default;
};

// out[o] = consumer(reduce over i of producer(in[o, i]), extras...), one row of `inner` elements
// per result, by the lane form.
struct ReductionKernel {
  ir::Opcode op{};             // sum, mean, prod, max, min, var; argmax, argmin
  std::vector<Extent> outer;   // loops over the results
  std::int64_t inner = 0;      // elements reduced for each, in row-major order
  int lanes = 0;               // elements of one vector; of the 16 lanes of the form
  int rows = 1;                // at a time, of the last outer loop
  std::vector<Access> inputs;  // strides over outer, then inner
  Body producer;               // arguments: inputs; one result
  Body consumer;               // arguments: the reduced value, then extras; one result
  std::vector<Access> extras;  // strides over outer
  Access out;                  // strides over outer
  friend bool operator==(const ReductionKernel&, const ReductionKernel&) = default;
};

// The same where the reduced axis is not the last: out[o, c], vectors over the columns c. Strides
// of inputs are over (outer..., inner, column), of extras and out over (outer..., column).
struct ColumnReductionKernel : ReductionKernel {
  Extent columns = 1;
  friend bool operator==(const ColumnReductionKernel&, const ColumnReductionKernel&) = default;
};

// Rows of softmax, log_softmax or layer_norm over the last axis.
struct RowKernel {
  ir::Opcode op{};
  std::vector<Extent> outer;  // loops over the rows
  std::int64_t columns = 0;
  int lanes = 0;                       // elements of one vector; of the 16 lanes of the form
  int rows = 1;                        // at a time, of the last outer loop
  std::vector<Access> inputs;          // of the producer; strides over outer, then column
  Body producer;                       // one result
  bool kept = false;                   // what it gives is kept in the scratch, else made again
  std::int64_t gamma = -1, beta = -1;  // layer_norm; buffers of `columns` elements
  double epsilon = 0;
  std::int64_t scratch = -1;  // buffer for one row of intermediate results, or -1
  Body consumer;              // arguments: the normalised value, then extras; one result
  std::vector<Access> extras;
  Access out;
  friend bool operator==(const RowKernel&, const RowKernel&) = default;
};

// An op run by the interpreter's kernel through the runtime table.
struct LibraryKernel {
  ir::OpId op;
  std::vector<std::int64_t> inputs, outputs;  // buffers; -1 for a token
  friend bool operator==(const LibraryKernel&, const LibraryKernel&) = default;
};

// out[o, i, ...] = x[o, index(i), ...]. Where an index is out of range the op is run by the
// interpreter instead, which says so.
struct GatherKernel : LibraryKernel {
  Extent outer, size;   // entries of the axis that is looked up, `outer` times over
  Extent count, inner;  // indices; elements of one entry
  int lanes = 0;        // elements moved at a time
  friend bool operator==(const GatherKernel&, const GatherKernel&) = default;
};

// out[i, index(i)] = 1, and 0 elsewhere; as above where an index is out of range.
struct OneHotKernel : LibraryKernel {
  std::int64_t depth = 0;
  Extent count;   // indices
  int lanes = 0;  // elements of one vector
  friend bool operator==(const OneHotKernel&, const OneHotKernel&) = default;
};

// Bytes copied as they are (an output that is an input or a constant, an update).
struct CopyKernel {
  BufferId from = 0, to = 0;
  int vector_bytes = 16;  // moved at a time
  friend bool operator==(const CopyKernel&, const CopyKernel&) = default;
};

// Steps [begin, end) of the plan: those of a region, and of the regions in it.
struct StepRange {
  std::uint32_t begin = 0, end = 0;
  friend bool operator==(const StepRange&, const StepRange&) = default;
};

// One of two regions. Both write the results where they belong.
struct CondKernel {
  BufferId predicate = 0;  // one bool
  StepRange then_steps, else_steps;
  friend bool operator==(const CondKernel&, const CondKernel&) = default;
};

// A value that a loop carries. `current` points to it: first to `initial`, then to what the last
// turn gave, which is its result when the loop is over. A turn writes to `next`: the two of
// `memory` by turns, so that it never writes what it reads.
struct Carried {
  BufferId initial = 0;
  BufferId current = 0, next = 0;  // indirect
  std::array<BufferId, 2> memory{};
  friend bool operator==(const Carried&, const Carried&) = default;
};

// while (condition) body, at most max_iterations times (-1: no limit).
struct WhileKernel {
  std::vector<Carried> carried;
  StepRange condition_steps;
  BufferId condition = 0;  // one bool, known after condition_steps
  StepRange body_steps;
  std::int64_t max_iterations = -1;
  friend bool operator==(const WhileKernel&, const WhileKernel&) = default;
};

// Entry i of axis 0 of `whole` in turn i.
struct Sliced {
  BufferId whole = 0;
  BufferId entry = 0;  // indirect
  friend bool operator==(const Sliced&, const Sliced&) = default;
};

// for (i = 0; i < length; ++i) body: entry i of each x is read, entry i of each y written.
struct ScanKernel {
  Extent length;
  std::vector<Carried> carried;
  std::vector<Sliced> xs, ys;
  StepRange body_steps;
  friend bool operator==(const ScanKernel&, const ScanKernel&) = default;
};

using Kernel = std::variant<ElementwiseKernel, TransposeKernel, DenseKernel, NarrowDenseKernel,
                            MatrixVectorKernel, ReductionKernel, ColumnReductionKernel, RowKernel,
                            LibraryKernel, GatherKernel, OneHotKernel, CopyKernel, CondKernel,
                            WhileKernel, ScanKernel>;

// The regions of a control step, in order, with what they are called; empty for all others.
struct NamedRange {
  const char* name;
  StepRange steps;
};
std::vector<NamedRange> regions_of(const Kernel& kernel);
// The op that the interpreter runs for a kernel, always or where it refuses its values; null: none.
const LibraryKernel* library_op(const Kernel& kernel);
// "dense", "copy", ...: as the text of a plan and reports call it.
const char* kind_of(const Kernel& kernel);

}  // namespace mlpjit::plan
