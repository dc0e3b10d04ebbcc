// Runs a function of the IR op by op. Values live in buffers that are shared where an op only
// renames (reshape, arguments of regions and calls) and freed after their last use.

#include <algorithm>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "lib/interp/families.h"
#include "lib/ir/opcodes.h"
#include "lib/support/float_env.h"
#include "lib/support/layer.h"
#include "lib/support/storage.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {

namespace {

// Bytes of the intermediates of one run.
struct Meter {
  std::size_t live = 0;
  std::size_t peak = 0;
};

class Buffer {
 public:
  Buffer(std::size_t bytes, Meter& meter)
      : data_(support::allocate_counted(bytes)), bytes_(bytes), meter_(meter) {
    meter_.live += bytes;
    meter_.peak = std::max(meter_.peak, meter_.live);
  }
  ~Buffer() {
    meter_.live -= bytes_;
    support::free_counted(data_, bytes_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_;
  std::size_t bytes_;
  Meter& meter_;
};

// A value at hand: where it is, and the buffer that keeps it (none: the caller's memory).
struct Slot {
  View view;
  std::shared_ptr<Buffer> buffer;
};
using Slots = std::vector<Slot>;

// Runs the ops of one function; calls make a frame of their own.
class Frame {
 public:
  Frame(const ir::Graph& graph, const ir::Function& function, support::Isa isa, Meter& meter,
        std::int64_t batch)
      : graph_(graph), function_(function), isa_(isa), meter_(meter), batch_(batch) {
    values_.resize(function.value_count());
    targets_.resize(function.value_count());
    find_last_uses();
  }

  // What the body yields; `targets` (may be empty) is memory to produce its results in.
  Slots run_body(Slots inputs, std::span<const View> targets) {
    const ir::Region& body = function_.body();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      targets_[body.results[i].index] = &targets[i];
    }
    return run_region(ir::Function::kBody, std::move(inputs));
  }
  // The final values of the inputs that are updated, after run_body().
  const Slots& updates() const { return updates_; }
  static void copy(const View& from, const View& to) {
    const std::size_t bytes = bytes_of(to);
    if (bytes > 0 && from.data != to.data) std::memmove(to.data, from.data, bytes);
  }

 private:
  Slots run_region(ir::RegionId id, Slots arguments) {
    const ir::Region& region = function_.region(id);
    for (std::size_t i = 0; i < region.arguments.size(); ++i) {
      values_[region.arguments[i].index] = std::move(arguments[i]);
    }
    arguments.clear();
    for (const ir::ValueId argument : region.arguments) {
      if (last_use_[argument.index] == kUnused) release(argument);
    }
    for (std::size_t i = 0; i < region.ops.size(); ++i) {
      const ir::Op& op = function_.op(region.ops[i]);
      const auto dies = [&](ir::ValueId value) {
        return last_use_[value.index] == i && owned_by(value, id);
      };
      run_op(op, dies);
      for_each_read(op, [&](ir::ValueId value) {
        if (dies(value)) release(value);
      });
      for (const ir::ValueId result : op.results) {
        if (last_use_[result.index] == kUnused) release(result);
      }
    }
    Slots results;
    results.reserve(region.results.size());
    for (const ir::ValueId result : region.results) results.push_back(at(result));
    if (id == ir::Function::kBody) {
      for (const ir::Update& update : function_.updates()) updates_.push_back(at(update.value));
    }
    for (const ir::ValueId result : region.results) {
      if (owned_by(result, id)) release(result);
    }
    return results;
  }

  template <class Dies>
  void run_op(const ir::Op& op, const Dies& dies) {
    switch (op.opcode) {
      case ir::Opcode::call: return set_results(op, run_call(op));
      case ir::Opcode::cond: return set_results(op, run_cond(op));
      case ir::Opcode::while_loop: return set_results(op, run_while(op));
      case ir::Opcode::scan: return run_scan(op);
      case ir::Opcode::fusion: return set_results(op, run_fusion(op));
      default: run_plain(op, dies);
    }
  }

  template <class Dies>
  void run_plain(const ir::Op& op, const Dies& dies) {
    if (op.opcode == ir::Opcode::reshape && targets_[op.results[0].index] == nullptr) {
      Slot slot = at(op.operands[0]);
      slot.view.shape = shape_of(op.results[0]);
      values_[op.results[0].index] = std::move(slot);
      return;
    }
    operand_views_.clear();
    for (const ir::ValueId operand : op.operands) operand_views_.push_back(at(operand).view);
    result_views_.clear();
    for (const ir::ValueId result : op.results) {
      Slot& slot = values_[result.index];
      if (!reuse_operand(op, dies, slot)) slot = make_slot(result);
      slot.view.dtype = function_.value(result).type.dtype;
      result_views_.push_back(slot.view);
    }
    support::in_layer(op.path,
                      [&] { evaluate(op.opcode, op.attrs, operand_views_, result_views_, isa_); });
  }

  // An element-wise op writes over an operand that nobody reads again.
  template <class Dies>
  bool reuse_operand(const ir::Op& op, const Dies& dies, Slot& result) {
    if (ir::info(op.opcode).family != ir::Family::elementwise) return false;
    if (targets_[op.results[0].index] != nullptr) return false;
    const ir::Type& type = function_.value(op.results[0]).type;
    const bool is_static = type.shape.is_static();
    const Shape computed = is_static ? Shape() : shape_of(op.results[0]);
    const Shape& shape = is_static ? type.shape : computed;
    for (const ir::ValueId operand : op.operands) {
      const Slot& slot = values_[operand.index];
      if (slot.buffer == nullptr || slot.buffer.use_count() != 1 || !dies(operand)) continue;
      if (!(slot.view.shape == shape)) continue;
      if (size_of(slot.view.dtype) != size_of(type.dtype)) continue;
      result = slot;
      return true;
    }
    return false;
  }

  Slots run_call(const ir::Op& op) {
    const auto& callee = op.attrs.get<ir::FunctionRef>("callee");
    const ir::Function* function = graph_.find(callee.name);
    if (function == nullptr) {
      throw InternalError("run: no function @" + callee.name + " to call");
    }
    return Frame(graph_, *function, isa_, meter_, batch_).run_body(operands_of(op, 0), {});
  }

  // The region runs once, so what it yields can be produced where the fusion's results belong.
  Slots run_fusion(const ir::Op& op) {
    const ir::Region& region = function_.region(op.regions[0]);
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      targets_[region.results[i].index] = targets_[op.results[i].index];
    }
    return run_region(op.regions[0], operands_of(op, 0));
  }

  Slots run_cond(const ir::Op& op) {
    const bool taken = *static_cast<const std::uint8_t*>(at(op.operands[0]).view.data) != 0;
    return run_region(op.regions[taken ? 0 : 1], operands_of(op, 1));
  }

  Slots run_while(const ir::Op& op) {
    Slots state = operands_of(op, 0);
    const std::int64_t limit = op.attrs.integer("max_iterations");
    for (std::int64_t i = 0; limit < 0 || i < limit; ++i) {
      const Slots condition = run_region(op.regions[0], state);
      if (*static_cast<const std::uint8_t*>(condition[0].view.data) == 0) break;
      state = run_region(op.regions[1], std::move(state));
    }
    return state;
  }

  void run_scan(const ir::Op& op) {
    const auto carried = static_cast<std::size_t>(op.attrs.integer("carried"));
    Slots state = operands_of(op, 0);
    const Slots sequences(state.begin() + static_cast<std::ptrdiff_t>(carried), state.end());
    state.resize(carried);
    Slots stacked;
    for (std::size_t i = carried; i < op.results.size(); ++i) {
      stacked.push_back(make_slot(op.results[i]));
    }
    const std::int64_t length = sequences[0].view.shape.sizes()[0];
    for (std::int64_t i = 0; i < length; ++i) {
      Slots arguments = std::move(state);
      for (const Slot& sequence : sequences) arguments.push_back(step_of(sequence, i));
      Slots yields = run_region(op.regions[0], std::move(arguments));
      for (std::size_t j = 0; j < stacked.size(); ++j) {
        copy(yields[carried + j].view, step_of(stacked[j], i).view);
      }
      yields.resize(carried);
      state = std::move(yields);
    }
    for (Slot& slot : stacked) state.push_back(std::move(slot));
    set_results(op, std::move(state));
  }

  // Entry i of axis 0, in place.
  static Slot step_of(const Slot& sequence, std::int64_t i) {
    const std::span<const std::int64_t> sizes = sequence.view.shape.sizes();
    Slot step = sequence;
    step.view.shape = Shape(sizes.subspan(1));
    step.view.data = static_cast<std::byte*>(sequence.view.data) +
                     static_cast<std::size_t>(i) * bytes_of(step.view);
    return step;
  }

  Slots operands_of(const ir::Op& op, std::size_t first) {
    Slots slots;
    for (std::size_t i = first; i < op.operands.size(); ++i) slots.push_back(at(op.operands[i]));
    return slots;
  }

  void set_results(const ir::Op& op, Slots slots) {
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      values_[op.results[i].index] = std::move(slots[i]);
    }
  }

  const Slot& at(ir::ValueId value) const { return values_[value.index]; }
  void release(ir::ValueId value) { values_[value.index] = {}; }

  Slot make_slot(ir::ValueId value) {
    const ir::Type& type = function_.value(value).type;
    if (const View* target = targets_[value.index]) return {*target, nullptr};
    View view{type.dtype, shape_of(value), nullptr};
    if (type.token) return {view, nullptr};
    try {
      auto buffer = std::make_shared<Buffer>(bytes_of(view), meter_);
      view.data = buffer->data();
      return {view, std::move(buffer)};
    } catch (const MemoryError&) {
      const ir::Op& op = function_.op(function_.value(value).producer);
      throw MemoryError(fmt::format("{}{}: no memory for its result {} of {} bytes",
                                    support::layer_prefix(op.path), ir::to_string(op.opcode),
                                    to_string(TensorSpec{type.dtype, view.shape}), bytes_of(view)));
    }
  }

  Shape shape_of(ir::ValueId value) const {
    return ir::sized(function_.value(value).type.shape, batch_);
  }

  bool owned_by(ir::ValueId value, ir::RegionId region) const {
    return function_.value(value).region == region;
  }

  static constexpr std::uint32_t kUnused = UINT32_MAX;

  // Fills last_use_, in one walk: an op of the region that holds the value reads it, or one inside.
  void find_last_uses() {
    last_use_.assign(function_.value_count(), kUnused);
    std::vector<std::uint32_t> positions(function_.region_count());
    read_region(ir::Function::kBody, positions);
    for (const ir::Update& update : function_.updates()) read(update.value, positions);
  }
  void read_region(ir::RegionId id, std::vector<std::uint32_t>& positions) {
    const ir::Region& region = function_.region(id);
    std::uint32_t& position = positions[id.index];
    position = 0;
    for (const ir::OpId at : region.ops) {
      const ir::Op& op = function_.op(at);
      for (const ir::ValueId operand : op.operands) read(operand, positions);
      for (const ir::RegionId inner : op.regions) read_region(inner, positions);
      ++position;
    }
    for (const ir::ValueId result : region.results) read(result, positions);
  }
  void read(ir::ValueId value, const std::vector<std::uint32_t>& positions) {
    last_use_[value.index] = positions[function_.value(value).region.index];
  }

  // An op reads its operands and all that its regions read.
  template <class F>
  void for_each_read(const ir::Op& op, const F& f) const {
    for (const ir::ValueId operand : op.operands) f(operand);
    for (const ir::RegionId inner : op.regions) {
      const ir::Region& region = function_.region(inner);
      for (const ir::OpId nested : region.ops) for_each_read(function_.op(nested), f);
      for (const ir::ValueId result : region.results) f(result);
    }
  }

  const ir::Graph& graph_;
  const ir::Function& function_;
  support::Isa isa_;
  Meter& meter_;
  std::int64_t batch_;
  Slots values_;
  std::vector<const View*> targets_;  // per value: memory of the caller's to produce it in
  std::vector<View> operand_views_;   // of the op at work
  std::vector<View> result_views_;
  // Per value, the position of the last op of its region that reads it: kUnused for none, past the
  // end for those that the region gives on.
  std::vector<std::uint32_t> last_use_;
  Slots updates_;
};

// Inputs are written last: after the results, and from copies where the value is another input's
// memory.
void write_updates(const ir::Function& function, const Slots& updates, std::span<const View> inputs,
                   std::span<void* const> places, Meter& meter) {
  Slots staged = updates;
  for (Slot& slot : staged) {
    if (slot.buffer != nullptr || slot.view.data == nullptr) continue;
    auto buffer = std::make_shared<Buffer>(bytes_of(slot.view), meter);
    if (buffer->bytes() > 0) std::memcpy(buffer->data(), slot.view.data, buffer->bytes());
    slot.view.data = buffer->data();
    slot.buffer = std::move(buffer);
  }
  for (std::size_t i = 0; i < staged.size(); ++i) {
    const std::uint32_t input = function.updates()[i].input;
    View to = inputs[input];
    if (!places.empty() && places[input] != nullptr) to.data = places[input];
    if (staged[i].view.data != nullptr && to.data != nullptr) Frame::copy(staged[i].view, to);
  }
}

// The value of the symbol by the first input that has it.
std::int64_t batch_of(const ir::Function& function, std::span<const View> inputs) {
  const std::optional<ir::SymbolAxis> symbol = ir::find_symbol(function);
  return symbol ? symbol->size(inputs[symbol->input].shape) : ir::kUnknownSize;
}

}  // namespace

std::size_t run(const ir::Graph& graph, const ir::Function& function, std::span<const View> inputs,
                std::span<const View> results, support::Isa isa, std::int64_t batch,
                std::span<void* const> updates) {
  const support::FloatEnvScope environment;
  if (inputs.size() != function.body().arguments.size() ||
      results.size() != function.body().results.size()) {
    throw InternalError("run: @" + function.name() + " takes " +
                        std::to_string(function.body().arguments.size()) + " inputs and gives " +
                        std::to_string(function.body().results.size()) + " results, got " +
                        std::to_string(inputs.size()) + " and " + std::to_string(results.size()));
  }
  Meter meter;
  Frame frame(graph, function, isa, meter,
              batch == ir::kUnknownSize ? batch_of(function, inputs) : batch);
  Slots arguments;
  arguments.reserve(inputs.size());
  for (const View& input : inputs) arguments.push_back({input, nullptr});
  const Slots yields = frame.run_body(std::move(arguments), results);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (yields[i].view.data != nullptr) Frame::copy(yields[i].view, results[i]);
  }
  write_updates(function, frame.updates(), inputs, updates, meter);
  return meter.peak;
}

}  // namespace mlpjit::interp
