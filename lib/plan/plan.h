#pragma once
// The plan: explicit data between the IR and code generation. Which kernels run, in which order,
// over which loops and tiles, on which buffers. Code generation makes no decision that is not
// written here. Sizes are known, or given by the batch size B of a call (extent.h).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/plan/extent.h"
#include "lib/plan/target.h"

namespace mlpjit::plan {

// Where a buffer lives when the generated code runs (docs/abi.md).
enum class Place : std::uint8_t {
  slot,       // slots[index]: an input, an output, a constant or a packed weight of the caller
  workspace,  // workspace + offset
  indirect,   // where the pointer at workspace + offset says: what changes from turn to turn of a
              // loop
};

enum class SlotKind : std::uint8_t { input, output, update, constant, packed };

// How a dense weight [N, K] is packed: panels of `panel` outputs, [N / panel][K][panel], N padded
// with zeros, `panel_stride` elements from panel to panel. Depends on (K, N, dtype, target) only.
struct PackedLayout {
  std::int64_t k = 0, n = 0;
  std::int64_t panel = 16;
  std::int64_t panel_stride = 0;
  DType dtype = DType::f32;
  std::int64_t panels() const { return (n + panel - 1) / panel; }
  std::size_t bytes() const {
    return static_cast<std::size_t>(panels() * panel_stride) * size_of(dtype);
  }
  friend bool operator==(const PackedLayout&, const PackedLayout&) = default;
};
PackedLayout packed_layout(std::int64_t n, std::int64_t k, DType dtype);

// One entry of the slots array, in this order: inputs, outputs, updates, constants, packed weights.
struct Slot {
  SlotKind kind = SlotKind::input;
  // Which input, output or constant; of an update: which input is updated (this is where its final
  // value goes, which may be the input's own memory); of a packed weight: which input is packed.
  std::uint32_t index = 0;
  PackedLayout layout;  // packed only
  ir::Literal literal;  // constant only
};

using BufferId = std::uint32_t;

struct Buffer {
  Place place = Place::workspace;
  std::uint32_t slot = 0;  // Place::slot
  Extent offset;           // Place::workspace; at max(B, 1), a multiple of 64
  Extent bytes;
  DType dtype = DType::f32;
  Shape shape;                  // row-major, but see row_stride
  std::int64_t row_stride = 0;  // elements from row to row of the last axis where padded; 0: dense
  std::uint32_t first_step = 0, last_step = 0;  // lifetime, inclusive; shares memory outside it
  BufferId root = 0;                            // whose memory it is: itself, or what it reshapes
  std::vector<BufferId> targets;  // Place::indirect: all that the pointer may point into
  std::string name;               // of the value it holds
};

// The first byte of a buffer in a call.
void* address(const Buffer& buffer, void* const* slots, std::byte* workspace, std::int64_t batch);

// How a kernel reads or writes a buffer: element strides for each loop dimension (0: broadcast).
struct Access {
  BufferId buffer = 0;
  std::vector<Extent> strides;
};

// Element-wise code: ops of the main function from `arguments` to `results`, in order. Values of
// one element that are known are in `scalars` and become immediate operands.
struct Body {
  struct Scalar {
    ir::ValueId value;
    ir::Literal literal;
  };
  std::vector<ir::ValueId> arguments;
  std::vector<Scalar> scalars;
  std::vector<ir::OpId> ops;
  std::vector<ir::ValueId> results;
};

// out[i...] = body(in[i...]), loops outermost first, the last one vectorised; accesses of the last
// loop have stride 0, 1 or other (gathered by scalar loads).
struct ElementwiseKernel {
  std::vector<Extent> loops;
  std::vector<Access> inputs;
  std::vector<Access> outputs;
  Body body;      // arguments: inputs; results: outputs
  int lanes = 0;  // elements of one vector: the target's, by the widest dtype of the body
};

// A register tile: `rows` x `panels` accumulators of one panel each, for `live` of the chains at a
// time.
struct Tile {
  int rows = 1, panels = 1;
  int live = 1;
  friend bool operator==(const Tile&, const Tile&) = default;
};

// out[m, n] = epilogue(bias[n] + sum over k of x[m, k] * w[n, k], extra...), by chains or the lane
// form. In the chain form element (k, n) of the weight is at panel_step * (n / panel) + k_step
// * k + n % panel, which covers packed weights and the right operand of a matmul; in the lane form
// the weight is row-major [N, K].
struct DenseKernel {
  DType dtype = DType::f32;
  Extent m;
  std::int64_t k = 0, n = 0;
  BufferId x = 0, weight = 0;
  std::int64_t x_stride = 0;  // elements from row to row
  std::int64_t bias = -1;     // buffer, or -1
  bool lanes = false;         // the lane form of docs/numerics.md
  int chains = 1;             // of the chain form: a power of two
  std::int64_t panel = 16, panel_step = 0, k_step = 0;
  bool packed = true;  // aligned, and the last panel may be read whole
  Tile tile;           // largest register tile; rows and panels are split evenly
  // Where m is not known: the tiles for fewer rows than that, descending, the last of one row. Rows
  // go by the first tile that they fill; its last turn starts early enough to end with the last
  // row.
  std::vector<Tile> short_tiles;
  bool columns_outer = false;  // keep a group of panels in L2 and pass all rows by it
  Body epilogue;               // arguments: the dense result, then extras; one result
  std::vector<Access> extras;  // strides over (m, n)
  Access out;                  // strides over (m, n)
};

// out[o] = consumer(reduce over i of producer(in[o, i]), extras...), one row of `inner` elements
// per result, by the lane form.
struct ReductionKernel {
  ir::Opcode op{};             // sum, mean, prod, max, min, var
  std::vector<Extent> outer;   // loops over the results
  std::int64_t inner = 0;      // elements reduced for each, in row-major order
  std::vector<Access> inputs;  // strides over outer, then inner
  Body producer;               // arguments: inputs; one result
  Body consumer;               // arguments: the reduced value, then extras; one result
  std::vector<Access> extras;  // strides over outer
  Access out;                  // strides over outer
};

// Rows of softmax, log_softmax or layer_norm over the last axis.
struct RowKernel {
  ir::Opcode op{};
  std::vector<Extent> outer;  // loops over the rows
  std::int64_t columns = 0;
  std::vector<Access> inputs;          // of the producer; strides over outer, then column
  Body producer;                       // one result
  std::int64_t gamma = -1, beta = -1;  // layer_norm; buffers of `columns` elements
  double epsilon = 0;
  BufferId scratch = 0;  // one row of the producer's result
  Body consumer;         // arguments: the normalised value, then extras; one result
  std::vector<Access> extras;
  Access out;
};

// An op run by the interpreter's kernel through the runtime table.
struct LibraryKernel {
  ir::OpId op;
  std::vector<std::int64_t> inputs, outputs;  // buffers; -1 for a token
};

// Bytes copied as they are (an output that is an input or a constant, an update).
struct CopyKernel {
  BufferId from = 0, to = 0;
};

// Steps [begin, end) of the plan: those of a region, and of the regions in it.
struct StepRange {
  std::uint32_t begin = 0, end = 0;
};

// One of two regions. Both write the results where they belong.
struct CondKernel {
  BufferId predicate = 0;  // one bool
  StepRange then_steps, else_steps;
};

// A value that a loop carries. `current` points to it: first to `initial`, then to what the last
// turn gave, which is its result when the loop is over. A turn writes to `next`: the two of
// `memory` by turns, so that it never writes what it reads.
struct Carried {
  BufferId initial = 0;
  BufferId current = 0, next = 0;  // indirect
  std::array<BufferId, 2> memory{};
};

// while (condition) body, at most max_iterations times (-1: no limit).
struct WhileKernel {
  std::vector<Carried> carried;
  StepRange condition_steps;
  BufferId condition = 0;  // one bool, known after condition_steps
  StepRange body_steps;
  std::int64_t max_iterations = -1;
};

// Entry i of axis 0 of `whole` in turn i.
struct Sliced {
  BufferId whole = 0;
  BufferId entry = 0;  // indirect
};

// for (i = 0; i < length; ++i) body: entry i of each x is read, entry i of each y written.
struct ScanKernel {
  Extent length;
  std::vector<Carried> carried;
  std::vector<Sliced> xs, ys;
  StepRange body_steps;
};

using Kernel = std::variant<ElementwiseKernel, DenseKernel, ReductionKernel, RowKernel,
                            LibraryKernel, CopyKernel, CondKernel, WhileKernel, ScanKernel>;

// The regions of a control step, in order, with what they are called; empty for all others.
struct NamedRange {
  const char* name;
  StepRange steps;
};
std::vector<NamedRange> regions_of(const Kernel& kernel);

struct Step {
  Kernel kernel;
  std::string name;    // symbol of the driver function: control steps around, layer path, op
  std::string reason;  // why this kernel, form and tile, or why a library call
  std::vector<ir::Opcode> fused = {};  // the ops of a fusion that it computes
};

struct Plan {
  std::shared_ptr<const ir::Graph> graph;  // optimised; bodies refer to ops of its main function
  Target target;
  std::vector<Slot> slots;
  std::vector<Buffer> buffers;
  // In execution order; the steps of its regions stand behind a control step. So one number names a
  // step, however deep.
  std::vector<Step> steps;
  int fusions = 0;         // groups of ops that are one kernel
  Extent workspace_bytes;  // at max(B, 1)
  Extent unshared_bytes;   // what the intermediates would take without reuse; at max(B, 1)

  std::size_t packed_bytes() const;
  StepRange all_steps() const { return {0, static_cast<std::uint32_t>(steps.size())}; }
  // The step that follows on the same level.
  std::uint32_t after(std::uint32_t step) const;
  // The arena of a call.
  std::size_t workspace(std::int64_t batch) const {
    return static_cast<std::size_t>(workspace_bytes.at(std::max<std::int64_t>(batch, 1)));
  }
};

// Plans the main function of an optimised graph. Its shapes have one symbol at most, and no product
// of more than two sizes that are not known.
Plan make_plan(std::shared_ptr<const ir::Graph> graph, const Target& target);
// The text form, for mlpjit-dump.
std::string to_string(const Plan& plan);

// Writes a row-major weight [N, K] into a packed buffer of layout.bytes(), padding included.
void pack(const PackedLayout& layout, const void* weight, void* packed);

}  // namespace mlpjit::plan
