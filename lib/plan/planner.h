#pragma once
// Building a plan: internal to lib/plan.

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/plan/plan.h"

namespace mlpjit::plan {

// Strides of a dense row-major tensor of `shape` read as if broadcast to `to` (0 where it repeats).
std::vector<Extent> broadcast_strides(const Shape& shape, const Shape& to);

// Drops loops of one turn and merges neighbours that every access walks through as one. Accesses
// have a stride per loop. Loops [begin, end) only.
struct LoopNest {
  std::vector<Extent> sizes;
  std::vector<Access*> accesses;
  void collapse(std::size_t begin, std::size_t end);
};

// A register tile: `rows` x `panels` accumulators of one panel each, for `live` of the chains at a
// time.
struct Tile {
  int rows = 1, panels = 1;
  int live = 1;
};
// The best by estimated cycles for a known number of rows, and why.
std::pair<Tile, std::string> choose_tile(const DenseKernel& kernel, const Target& target);

// Roughly the instructions per vector, for the choice between copies of the code and loops.
int body_cost(const ir::Function& function, const Body& body);
// Lanes by the widest dtype that the body touches.
int body_lanes(const ir::Function& function, const Body& body, const Target& target);

// Roughly the cycles of the products alone.
double product_cycles(const DenseProduct& product);
// The units of a step, if it has that much work.
Units choose_units(const Plan& plan, const Kernel& kernel, const Division& division);

// Buffers are alive from the first step that may touch their memory to the last.
void set_lifetimes(Plan& plan);

// Gives every workspace buffer its offset, sharing memory between lifetimes that do not meet.
void assign_offsets(Plan& plan);

// Calls f(buffer, written) for each buffer of a kernel.
template <class F>
void for_each_buffer(const Kernel& kernel, F&& f);

class Planner {
 public:
  Planner(std::shared_ptr<const ir::Graph> graph, const Target& target, const Division& division);
  Plan run();

 private:
  using Ops = std::span<const ir::OpId>;

  // planner.cpp: values, buffers, steps.
  ir::ValueId resolve(ir::ValueId value) const;
  const ir::Type& type(ir::ValueId value) const { return main_.value(value).type; }
  const ir::Op* constant_of(ir::ValueId value) const;
  BufferId buffer(ir::ValueId value);
  BufferId slot_buffer(std::uint32_t slot, const ir::Type& type, std::string name);
  BufferId packed_constant(ir::ValueId weight, const PackedLayout& layout);
  BufferId packed_slot(ir::ValueId weight, const PackedLayout& layout);
  std::uint32_t constant_slot(const ir::Literal& literal);
  BufferId workspace_buffer(const ir::Type& type, std::string name);
  std::uint32_t add_step(Kernel kernel, const ir::Op& op, std::string_view kind,
                         std::string reason);
  void plan_op(ir::OpId id);
  void plan_alone(ir::OpId id);
  bool may_wait(const ir::Op& op) const;
  void plan_fusion(const ir::Op& fusion);
  void plan_library(ir::OpId id, std::string reason);
  void copy_results();
  void copy_updates(std::uint32_t first_slot);
  void divide_steps();
  void pad_rows();

  // control.cpp: ops with regions. `to`: where what a region yields belongs.
  struct Delivery {
    ir::ValueId value;
    BufferId to = 0;
  };
  void plan_control(ir::OpId id);
  void plan_cond(const ir::Op& op);
  void plan_while(const ir::Op& op);
  void plan_scan(const ir::Op& op);
  std::vector<Carried> carry(const ir::Op& op, std::size_t count,
                             std::vector<Delivery>& deliveries);
  StepRange plan_region(ir::RegionId id, std::uint32_t control, std::string_view name,
                        std::span<const Delivery> deliveries);
  void deliver(const Delivery& delivery, BufferId first_own);
  void move_memory(BufferId root, BufferId to);
  BufferId pointer(const ir::Type& type, std::string name, std::vector<BufferId> targets);
  void add_copy(BufferId from, BufferId to, std::string reason);

  // bodies.cpp
  std::optional<Body> make_body(Ops ops, std::span<const ir::ValueId> first,
                                std::vector<ir::ValueId> results);
  Access access(ir::ValueId value, const Shape& loops);
  struct Sides {
    std::vector<ir::OpId> producers, consumers;
  };
  Sides sides(Ops ops, ir::OpId root) const;

  // movement.cpp: whether it is an op of those.
  bool plan_movement(const ir::Op& op);
  bool plan_slice_update(const ir::Op& op);
  void add_move(const ir::Op& op, ir::ValueId moved, const Shape& loops, Access from, Access to);
  bool add_transpose(const ir::Op& op, const std::vector<Extent>& sizes, const Access& from,
                     const Access& to);
  bool plan_lookup(ir::OpId id, std::string& why_not);

  // elementwise.cpp, dense.cpp, product_loops.cpp, reductions.cpp: false and why when this form
  // does not fit; no step is added then.
  bool streams(const ElementwiseKernel& kernel) const;
  bool plan_elementwise(Ops ops, std::span<const ir::ValueId> results, const ir::Op& named,
                        std::string& why_not);
  bool plan_dense(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not);
  Access turned(const ir::Op& op, const std::vector<int>& order);
  void turn_back(const ir::Op& op, const Access& turned, const std::vector<int>& order);
  void add_reduction(ColumnReductionKernel kernel, bool is_rows, const ir::Op& named,
                     const ir::Op& op);
  bool plan_reduction(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not);
  bool plan_row(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not);
  bool plan_rooted(Ops ops, ir::OpId root, const ir::Op& named, std::string& why_not);
  bool walk_rows(DenseProduct& product, const ir::Op& op, ir::ValueId result, std::string& why_not);
  void place_operands(DenseProduct& product, const ir::Op& op);
  bool place_weight(DenseKernel& kernel, const ir::Op& op, std::string& why_not);
  std::string decide_chains(DenseKernel& kernel);

  Plan plan_;
  const Division division_;
  std::string prefix_;  // of the names of steps: the control steps around them
  const ir::Function& main_;
  std::unordered_map<ir::ValueId, ir::ValueId> alias_;  // region arguments, results of fusions
  std::unordered_map<ir::ValueId, BufferId> buffers_;
  // Turned weights that nobody has read yet: a matmul packs the weight itself, and another reader
  // has it turned then.
  std::unordered_map<ir::ValueId, ir::OpId> waiting_;
  struct PackedUse {
    PackedLayout layout;
    std::uint32_t input = 0;
    BufferId buffer = 0;
  };
  std::vector<PackedUse> packed_;
  std::vector<ir::Literal> literals_;
};

template <class F>
void for_each_buffer(const Kernel& kernel, F&& f) {
  const auto reads = [&](const std::vector<Access>& accesses) {
    for (const Access& access : accesses) f(access.buffer, false);
  };
  const auto maybe = [&](std::int64_t buffer, bool written) {
    if (buffer >= 0) f(static_cast<BufferId>(buffer), written);
  };
  std::visit(
      [&](const auto& k) {
        using K = std::decay_t<decltype(k)>;
        if constexpr (std::is_same_v<K, ElementwiseKernel>) {
          reads(k.inputs);
          for (const Access& out : k.outputs) f(out.buffer, true);
        } else if constexpr (std::is_same_v<K, TransposeKernel>) {
          f(k.in.buffer, false);
          f(k.out.buffer, true);
        } else if constexpr (std::is_base_of_v<DenseProduct, K>) {
          f(k.x, false);
          f(k.weight, false);
          maybe(k.bias, false);
          reads(k.extras);
          f(k.out.buffer, true);
        } else if constexpr (std::is_base_of_v<ReductionKernel, K>) {
          reads(k.inputs);
          reads(k.extras);
          f(k.out.buffer, true);
        } else if constexpr (std::is_same_v<K, RowKernel>) {
          reads(k.inputs);
          maybe(k.gamma, false);
          maybe(k.beta, false);
          maybe(k.scratch, true);
          reads(k.extras);
          f(k.out.buffer, true);
        } else if constexpr (std::is_base_of_v<LibraryKernel, K>) {
          for (const std::int64_t buffer : k.inputs) maybe(buffer, false);
          for (const std::int64_t buffer : k.outputs) maybe(buffer, true);
        } else if constexpr (std::is_same_v<K, CopyKernel>) {
          f(k.from, false);
          f(k.to, true);
        } else if constexpr (std::is_same_v<K, CondKernel>) {
          f(k.predicate, false);
        } else {
          for (const Carried& carried : k.carried) {
            f(carried.initial, false);
            for (const BufferId id : carried.memory) f(id, true);
            f(carried.current, true);
            f(carried.next, true);
          }
          if constexpr (std::is_same_v<K, WhileKernel>) {
            f(k.condition, false);
          } else {
            for (const Sliced& x : k.xs) f(x.whole, false), f(x.entry, false);
            for (const Sliced& y : k.ys) f(y.whole, true), f(y.entry, true);
          }
        }
      },
      kernel);
}

}  // namespace mlpjit::plan
