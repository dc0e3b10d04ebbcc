#pragma once
// The plan: explicit data between the IR and code generation. Which kernels run, in which order, over which
// loops and tiles, on which buffers. Code generation makes no decision that is not written here.

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/plan/target.h"

namespace mlpjit::plan {

// Where a buffer lives when the generated code runs (docs/abi.md).
enum class Place : std::uint8_t {
  slot,        // slots[index]: an input, an output, a constant or a packed weight of the caller
  workspace,   // workspace + offset
};

enum class SlotKind : std::uint8_t { input, output, constant, packed };

// How a dense weight [N, K] is packed: panels of `panel` outputs, [N / panel][K][panel], N padded with zeros,
// `panel_stride` elements from panel to panel. Depends on (K, N, dtype, target) only.
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

// One entry of the slots array, in this order: inputs, outputs, constants, packed weights.
struct Slot {
  SlotKind kind = SlotKind::input;
  std::uint32_t index = 0;      // which input, output or constant; for packed: which input is packed
  PackedLayout layout;          // packed only
  ir::Literal literal;          // constant only
};

using BufferId = std::uint32_t;

struct Buffer {
  Place place = Place::workspace;
  std::uint32_t slot = 0;       // Place::slot
  std::size_t offset = 0;       // Place::workspace; a multiple of 64
  std::size_t bytes = 0;
  DType dtype = DType::f32;
  Shape shape;
  std::uint32_t first_step = 0, last_step = 0;   // lifetime, inclusive; shares memory outside it
  std::string name;             // of the value it holds
};

// How a kernel reads or writes a buffer: element strides for each loop dimension (0: broadcast).
struct Access {
  BufferId buffer = 0;
  std::vector<std::int64_t> strides;
};

// Scalar code applied to each element: ops of the graph, elementwise only, as a region of the main function. The
// region's arguments are `operands` in order; for a kernel with a root (dense, reduction) see there.
struct Body {
  ir::RegionId region;          // invalid: the identity
};

// out[i...] = body(in[i...]), loops outermost first, the last one vectorised; accesses of the last loop have
// stride 0, 1 or other (gathered by scalar loads).
struct ElementwiseKernel {
  std::vector<std::int64_t> loops;
  std::vector<Access> inputs;
  std::vector<Access> outputs;
  Body body;                    // arguments: inputs; yields: outputs
};

// out[m, n] = epilogue(bias[n] + sum over k of x[m, k] * w[n, k], extra...), by the chain or the lane form.
struct DenseKernel {
  std::int64_t m = 0, k = 0, n = 0;
  BufferId x = 0, weight = 0, out = 0;      // weight: packed slot, or row-major [N, K] in the lane form
  std::int64_t bias = -1;                   // buffer, or -1
  bool lanes = false;                       // the lane form of docs/numerics.md
  PackedLayout layout;                      // chain form
  int tile_rows = 0, tile_panels = 0;       // register tile
  Body epilogue;                            // arguments: the dense result, then extras; yields one value
  std::vector<Access> extras;               // strides over (m, n)
  std::string reason;                       // why this form and tile
};

// out[o] = consumer(reduce over i of producer(in[o, i]), extras...): row-major inner loop of the reduced size.
struct ReductionKernel {
  ir::Opcode op{};                          // sum, mean, prod, max, min, var
  std::vector<std::int64_t> outer;          // loops over the results
  std::vector<std::int64_t> inner;          // loops over the reduced elements, row-major
  std::vector<Access> inputs;               // strides over outer, then inner
  Body producer;                            // arguments: inputs; yields one value
  Access output;                            // strides over outer
  Body consumer;                            // arguments: the reduced value, then extras
  std::vector<Access> extras;               // strides over outer
};

// Rows of softmax, log_softmax or layer_norm over a contiguous last axis.
struct RowKernel {
  ir::Opcode op{};
  std::int64_t rows = 0, columns = 0;
  std::vector<Access> inputs;               // of the producer; strides over (row, column)
  Body producer;
  std::int64_t gamma = -1, beta = -1;       // layer_norm; buffers
  double epsilon = 0;
  BufferId out = 0;
  Body consumer;                            // arguments: the normalised value, then extras
  std::vector<Access> extras;
};

// An op run by the interpreter's kernel through the runtime table.
struct LibraryKernel {
  ir::OpId op;
  std::vector<std::int64_t> inputs;         // buffers; -1 for a token
  std::vector<std::int64_t> outputs;
};

// Bytes copied as they are (an output that is an input or a constant, an update).
struct CopyKernel {
  BufferId from = 0, to = 0;
};

using Kernel = std::variant<ElementwiseKernel, DenseKernel, ReductionKernel, RowKernel, LibraryKernel, CopyKernel>;

struct Step {
  Kernel kernel;
  std::string name;    // symbol of the driver function: layer path and op
  std::string reason;  // why it is a step of its own, or why a library call
};

struct Plan {
  std::shared_ptr<const ir::Graph> graph;   // optimised; bodies refer to regions of its main function
  Target target;
  std::vector<Slot> slots;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::size_t workspace_bytes = 0;
  std::size_t unshared_bytes = 0;           // what the intermediates would take without reuse

  std::size_t packed_bytes() const;
};

// Plans the main function of an optimised graph with static shapes.
Plan make_plan(std::shared_ptr<const ir::Graph> graph, const Target& target);
// The text form, for mlpjit-dump.
std::string to_string(const Plan& plan);

// Writes a row-major weight [N, K] into a packed buffer of layout.bytes(), padding included.
void pack(const PackedLayout& layout, const void* weight, void* packed);

}  // namespace mlpjit::plan
