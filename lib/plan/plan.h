#pragma once
// The plan: explicit data between the IR and code generation. Which kernels run, in which order,
// over which loops and tiles, on which buffers. Code generation makes no decision that is not
// written here. Sizes are known, or given by the batch size B of a call (extent.h).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/plan/extent.h"
#include "lib/plan/kernels.h"
#include "lib/plan/target.h"

namespace mlpjit::plan {

// Where a buffer lives when the generated code runs (docs/abi.md).
enum class Place : std::uint8_t {
  slot,       // slots[index]: an input, an output, a constant or a packed weight of the caller
  workspace,  // workspace + offset
  indirect,   // where the pointer at workspace + offset says: what changes from turn to turn of a
              // loop
};

std::string to_string(Place place);

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
  friend bool operator==(const Slot&, const Slot&) = default;
};

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
  friend bool operator==(const Buffer&, const Buffer&) = default;
};

// The first byte of a buffer in a call.
void* address(const Buffer& buffer, void* const* slots, std::byte* workspace, std::int64_t batch);

// How a step may be divided among threads: into `units` parts that are calculated each by itself.
// 0: it is not. What one unit is depends on the kernel:
// - elementwise with one loop: `unit` of its turns; with more, one turn of the outermost loop
// - dense: one of the groups of rows or of panels of its only tiling; where m is not known, `unit`
//   rows
// - narrow dense: `unit` rows
// - matrix and vector: `unit` rows
// - of batches of products: one turn of the outermost loop of the batch
// - reduction, row: one turn of the outermost loop
// - column reduction, transpose: the same; with no such loop `unit` columns, or rows
// - copy: `unit` bytes
struct Units {
  Extent units = 0;
  std::int64_t unit = 1;
  std::int64_t cycles = 1;  // of one, roughly: small steps are not worth the way to other threads
  bool divided() const { return !(units == 0); }
  friend bool operator==(const Units&, const Units&) = default;
};

struct Step {
  Kernel kernel;
  std::string name;    // symbol of the driver function: control steps around, layer path, op
  std::string reason;  // why this kernel, form and tile, or why a library call
  std::vector<ir::Opcode> fused = {};  // the ops of a fusion that it computes
  Units units = {};
  friend bool operator==(const Step&, const Step&) = default;
};

struct Plan {
  std::shared_ptr<const ir::Graph> graph;  // optimised; bodies refer to ops of its main function
  Target target;
  std::vector<Slot> slots;
  std::vector<Buffer> buffers;
  // In execution order; the steps of its regions stand behind a control step. So one number names a
  // step, however deep.
  std::vector<Step> steps;
  int fusions = 0;                 // groups of ops that are one kernel
  Extent workspace_bytes;          // at max(B, 1)
  std::int64_t scratch_bytes = 0;  // of each thread that runs units of a step
  Extent unshared_bytes;           // what the intermediates would take without reuse; at max(B, 1)

  friend bool operator==(const Plan&, const Plan&) = default;

  std::size_t packed_bytes() const;
  StepRange all_steps() const { return {0, static_cast<std::uint32_t>(steps.size())}; }
  // The step that follows on the same level.
  std::uint32_t after(std::uint32_t step) const;
  // The arena of a call.
  std::size_t workspace(std::int64_t batch) const {
    return static_cast<std::size_t>(workspace_bytes.at(std::max<std::int64_t>(batch, 1)));
  }
};

// Handing work to a thread that waits for it, and taking the result, costs as much as so many
// cycles of work.
inline constexpr double kCyclesWorthDividing = 4'500;

// Among how many threads steps are divided; of one, none is. Steps of less work than `above` cycles
// are not.
struct Division {
  int threads = 1;
  double above = 2 * kCyclesWorthDividing;
};

// Plans the main function of an optimised graph. Its shapes have one symbol at most, and no product
// of more than two sizes that are not known.
Plan make_plan(std::shared_ptr<const ir::Graph> graph, const Target& target,
               const Division& division = {});
// The text form (lib/plan/text.h).
std::string to_string(const Plan& plan);

// Writes a row-major weight [N, K] into a packed buffer of layout.bytes(), padding included.
void pack(const PackedLayout& layout, const void* weight, void* packed);

}  // namespace mlpjit::plan
