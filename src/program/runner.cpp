#include "src/program/runner.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>

#include "lib/runtime/explain.h"
#include "lib/support/bytes.h"
#include "lib/support/float_env.h"
#include "lib/support/publication.h"
#include "lib/support/sole.h"
#include "lib/support/thread_object.h"
#include "src/ops/dispatch.h"
#include "src/record/random_state.h"
#include "src/record/small.h"

namespace mlpjit::detail {

void check_options(const HybridizeOptions& options) {
  if (options.threads < 1 || options.threads > HybridizeOptions::kMostThreads) {
    throw UserError("options: threads is " + std::to_string(options.threads) + "; expected 1 to " +
                    std::to_string(HybridizeOptions::kMostThreads));
  }
  if (options.dynamic_batch_after < 0) {
    throw UserError("options: dynamic_batch_after is " +
                    std::to_string(options.dynamic_batch_after) +
                    "; expected a number of batch sizes, or 0 for never");
  }
  if (options.isa && *options.isa > Isa::avx512) {
    throw UserError("options: isa is none of Isa::baseline, avx2 and avx512");
  }
}

runtime::Settings settings_of(const HybridizeOptions& options) {
  const support::Isa widest = support::default_isa();
  const support::Isa isa = options.isa ? std::min(*options.isa, widest) : widest;
  return {options.backend, isa, options.passes, {options.threads, options.executor}, {}};
}

namespace {

std::uint64_t next_runner_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// Only what is computed comes out of the executable; results that are inputs are handed back as
// they are.
std::shared_ptr<const runtime::CompiledGraph> compile_computed(const Closure& closure,
                                                               const HybridizeOptions& options,
                                                               const ir::Sizes& sizes) {
  const runtime::Settings settings = settings_of(options);
  const std::vector<ResultSource>& sources = closure.results;
  const bool all = std::all_of(sources.begin(), sources.end(), [](const ResultSource& source) {
    return source.kind == ResultSource::Kind::computed;
  });
  if (all && sizes.empty()) return runtime::CompiledGraph::compile(*closure.graph, settings);
  ir::Graph copy = ir::substitute(*closure.graph, sizes);
  std::vector<ir::ValueId>& results = copy.main().body().results;
  std::vector<ir::ValueId> computed;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (sources[i].kind == ResultSource::Kind::computed) computed.push_back(results[i]);
  }
  results = std::move(computed);
  return runtime::CompiledGraph::compile(copy, settings);
}

}  // namespace

// A call of the runner, as a thread keeps it: shapes stay while the batch size does, weights while
// nothing is published; only arguments and results change from call to call. It holds nothing
// alive but small results, which are given again once nobody else has them.
struct Runner::Slot {
  std::uint64_t id = 0;  // of the runner
  bool busy = false;
  std::uint64_t used = 0;   // when
  std::int64_t batch = 0;   // that the shapes are for
  std::uint64_t stamp = 0;  // of the snapshot that the weights are of; 0: of none
  std::unique_ptr<runtime::Frame> frame;
  std::vector<runtime::Argument> inputs;
  std::vector<Cell> cells;
  std::vector<interp::View> results;
  std::vector<ImplPtr> given;  // of the last call; null: too large to be kept
};

// The thread's slot for the time of a call, of the few that it keeps; one of its own for a call of
// the same program inside the call (from a stream that the program prints to, say).
class Runner::SlotLease {
 public:
  SlotLease(const Runner& runner, std::int64_t batch) : slot_(find(runner.id_)) {
    if (slot_ == nullptr) {
      own_ = std::make_unique<Slot>();
      slot_ = own_.get();
    }
    if (slot_->id != runner.id_ || slot_->batch != batch) runner.fit(*slot_, batch);
    slot_->busy = true;
  }
  ~SlotLease() { slot_->busy = false; }
  SlotLease(const SlotLease&) = delete;
  SlotLease& operator=(const SlotLease&) = delete;
  Slot& operator*() const { return *slot_; }

 private:
  struct Kept {
    std::array<Slot, 8> slots;
    std::uint64_t calls = 0;
  };

  // The runner's, or the one that was not used for longest; null where it is busy.
  static Slot* find(std::uint64_t id) {
    Kept& kept = support::thread_object<Kept, Slot>();
    ++kept.calls;
    Slot* oldest = nullptr;
    for (Slot& slot : kept.slots) {
      if (slot.id == id) {
        slot.used = kept.calls;
        return slot.busy ? nullptr : &slot;
      }
      if (!slot.busy && (oldest == nullptr || slot.used < oldest->used)) oldest = &slot;
    }
    if (oldest != nullptr) oldest->used = kept.calls;
    return oldest;
  }

  std::unique_ptr<Slot> own_;
  Slot* slot_;
};

std::int64_t Runner::batch(std::span<const Tensor> arguments) const {
  return compiled_->interface().batch([&](std::size_t input) -> const Shape& {
    return TensorAccess::impl(bound(input, arguments))->shape;
  });
}

void Runner::fit(Slot& slot, std::int64_t batch) const {
  const bool same_runner = slot.id == id_;
  slot.id = 0;
  slot.stamp = 0;
  if (!same_runner) slot.frame = compiled_->make_frame();
  const std::span<const ir::Type> types = compiled_->input_types();
  slot.inputs.assign(types.size(), {});
  slot.cells.resize(types.size());
  for (std::size_t i = 0; i < types.size(); ++i)
    slot.inputs[i].view = {types[i].dtype, ir::sized(types[i].shape, batch), nullptr};
  slot.results.clear();
  slot.given.assign(compiled_->result_types().size(), nullptr);
  for (const ir::Type& type : compiled_->result_types())
    slot.results.push_back({type.dtype, ir::sized(type.shape, batch), nullptr});
  slot.id = id_;
  slot.batch = batch;
}

Runner::Runner(Closure closure, const HybridizeOptions& options, const ir::Sizes& sizes)
    : id_(next_runner_id()),
      compiled_(compile_computed(closure, options, sizes)),
      closure_(std::move(closure)) {
  const std::span<const std::uint32_t> updated = compiled_->updated_inputs();
  for (std::uint32_t i = 0; i < closure_.inputs.size(); ++i) {
    const Binding& binding = closure_.inputs[i];
    if (binding.kind == ir::InputKind::token) continue;
    const support::Storage* storage =
        binding.tensor.defined() ? TensorAccess::impl(binding.tensor)->storage.get() : nullptr;
    if (storage != nullptr) storage->mark_published();
    if (binding.kind != ir::InputKind::state &&
        std::find(updated.begin(), updated.end(), i) != updated.end()) {
      updated_tensors_.push_back(i);
      if (storage != nullptr) TensorAccess::impl(binding.tensor)->storage->recycle();
    } else {
      (storage != nullptr ? weights_ : arguments_).push_back(i);
    }
  }
  for (const ResultSource& source : closure_.results) {
    all_computed_ &= source.kind == ResultSource::Kind::computed && source.weak == WeakKind::none;
  }
}

const Tensor& Runner::bound(std::size_t input, std::span<const Tensor> arguments) const {
  const Binding& binding = closure_.inputs[input];
  return binding.is_call_argument() ? arguments[binding.argument] : binding.tensor;
}

// An update is written at the end, so an input that shares memory with the updated one would have
// been read too early; and read-only memory must be refused before anything ran.
void Runner::check_updates(std::span<const Tensor> arguments) const {
  const support::Snapshot one_moment;  // so that addresses tell
  const auto storage_of = [&](std::size_t input) -> const support::Storage* {
    const ir::InputKind kind = closure_.inputs[input].kind;
    if (kind == ir::InputKind::state || kind == ir::InputKind::token) return nullptr;
    return TensorAccess::impl(bound(input, arguments))->storage.get();
  };
  for (const std::uint32_t updated : updated_tensors_) {
    const support::Storage* to = storage_of(updated);
    if (to == nullptr) {
      if (!closure_.inputs[updated].is_call_argument()) continue;
      throw UserError(
          "a C++ scalar was passed for an argument that the program updates in place; pass a "
          "tensor");
    }
    if (to->read_only()) {
      throw UserError("the program updates a tensor in place that borrows read-only memory (" +
                      to_string(bound(updated, arguments).shape()) +
                      "); copy() gives one of its own");
    }
    for (std::size_t i = 0; i < closure_.inputs.size(); ++i) {
      const support::Storage* other = storage_of(i);
      if (i == updated || other == nullptr) continue;
      if (support::bytes_overlap(to->data(), to->bytes(), other->data(), other->bytes())) {
        throw UserError("the program updates one of two tensors that share memory (inputs " +
                        std::to_string(updated) + " and " + std::to_string(i) +
                        "), but was traced with tensors apart; pass a copy() of one, or trace with "
                        "the same tensor");
      }
    }
  }
}

// What a call of a program that updates tensors does beside: their locks, where it reads them, and
// where it writes them.
class Runner::Updating {
 public:
  Updating(const Runner& runner, std::span<const Tensor> arguments)
      : runner_(runner), storages_(runner.updated_tensors_.size()) {
    runner.check_updates(arguments);
    std::size_t count = 0;
    for (const std::uint32_t input : runner.updated_tensors_) {
      support::Storage* storage = TensorAccess::impl(runner.bound(input, arguments))->storage.get();
      storages_[count++] = storage;
      if (storage == nullptr) --count;  // a C++ scalar that the function captured
    }
    update_.emplace(storages_.span().first(count));
  }

  void set_inputs(Slot& slot, std::span<const Tensor> arguments) {
    for (const std::uint32_t input : runner_.updated_tensors_) {
      support::Storage* storage =
          TensorAccess::impl(runner_.bound(input, arguments))->storage.get();
      if (storage == nullptr) {
        runner_.set_argument(slot, input, arguments);
        continue;
      }
      runtime::Argument& argument = slot.inputs[input];
      argument.storage = storage;
      argument.update = update_->to(*storage);
      argument.view.data = update_->before(*storage).data();
      slot.frame->set_input(input, argument);
    }
  }

  void commit() { update_->commit(); }

 private:
  const Runner& runner_;
  Small<support::Storage*, 8> storages_;
  std::optional<support::Update> update_;
};

void Runner::set_weights(Slot& slot) const {
  for (const std::uint32_t i : weights_) {
    runtime::Argument& argument = slot.inputs[i];
    argument.storage = TensorAccess::impl(closure_.inputs[i].tensor)->storage.get();
    argument.view.data = argument.storage->data();
    slot.frame->set_input(i, argument);
  }
}

void Runner::set_argument(Slot& slot, std::size_t input, std::span<const Tensor> arguments) const {
  runtime::Argument& argument = slot.inputs[input];
  if (closure_.inputs[input].kind == ir::InputKind::state) {
    argument.view.data = random_state();
  } else {
    const TensorImpl& impl = *TensorAccess::impl(bound(input, arguments));
    argument.storage = impl.storage.get();
    if (impl.weak == WeakKind::none) {
      argument.view.data = impl.storage->data();
    } else {
      store_weak(impl, argument.view.dtype, slot.cells[input].bytes);
      argument.view.data = slot.cells[input].bytes;
    }
  }
  slot.frame->set_input(input, argument);
}

namespace {

// Bytes of a result that a thread keeps for its next call.
constexpr std::size_t kMostKept = 4096;

// While a program runs, this thread reads contents by their addresses.
struct InProgram {
  InProgram() { ++support::thread_reader.programs; }
  ~InProgram() {
    if (--support::thread_reader.programs == 0) support::release_held();
  }
  InProgram(const InProgram&) = delete;
  InProgram& operator=(const InProgram&) = delete;
};

}  // namespace

// A tensor for a result: that of the last call, where nobody has it any more, or a new one.
Tensor Runner::result(Slot& slot, std::size_t i) {
  interp::View& view = slot.results[i];
  ImplPtr& given = slot.given[i];
  if (given && support::is_sole(given) && support::is_sole(given->storage) && !given->symbolic &&
      identical(given->shape, view.shape) && given->storage->renew()) {
    given->trace = 0;
    given->depth = 0;
    given->value = {};
    view.data = given->storage->latest().data();
    return TensorAccess::make(given);
  }
  Tensor made = make_tensor(view.dtype, view.shape);
  const support::Storage& storage = *TensorAccess::impl(made)->storage;
  view.data = storage.latest().data();
  given = storage.bytes() <= kMostKept ? TensorAccess::impl(made) : nullptr;
  return made;
}

Results Runner::operator()(std::span<const Tensor> arguments) const {
  const support::FloatEnvScope environment;
  std::optional<Updating> updating;
  if (updates_tensors()) updating.emplace(*this, arguments);
  std::optional<support::Snapshot> snapshot(std::in_place);
  const SlotLease lease(*this, batch(arguments));
  Slot& slot = *lease;
  if (slot.stamp != snapshot->stamp()) {
    slot.stamp = 0;
    set_weights(slot);
    slot.stamp = snapshot->stamp();
  }
  for (const std::uint32_t i : arguments_) set_argument(slot, i, arguments);
  if (updating) updating->set_inputs(slot, arguments);

  Results results;
  if (all_computed_ && slot.results.size() == 1) {
    results.single = result(slot, 0);
  } else {
    results.several.reserve(closure_.results.size());
    for (std::size_t i = 0; i < slot.results.size(); ++i)
      results.several.push_back(result(slot, i));
  }
  {
    const InProgram running;
    slot.frame->run(slot.results, slot.batch);
  }
  if (updating) {
    snapshot.reset();  // whoever else reads decides what becomes of the contents before
    updating->commit();
  }
  if (!all_computed_) results.several = assembled(std::move(results.several), arguments);
  return results;
}

// All results from those that were computed.
Tensors Runner::assembled(Tensors computed, std::span<const Tensor> arguments) const {
  Tensors all;
  all.reserve(closure_.results.size());
  std::size_t next = 0;
  for (const ResultSource& source : closure_.results) {
    switch (source.kind) {
      case ResultSource::Kind::input: all.push_back(bound(source.index, arguments)); break;
      case ResultSource::Kind::duplicate: all.push_back(Tensor(all[source.index])); break;
      case ResultSource::Kind::computed: {
        Tensor result = std::move(computed[next++]);
        const TensorImpl& impl = *TensorAccess::impl(result);
        all.push_back(source.weak == WeakKind::none ? std::move(result)
                                                    : make_weak(impl.dtype, impl.data()));
        break;
      }
    }
  }
  return all;
}

SignatureSummary Runner::summary(double trace_ms) const {
  const support::FloatEnvScope environment;  // times are added
  SignatureSummary summary = runtime::summarize(compiled_->report());
  summary.ms.trace = trace_ms;
  summary.ms.total += trace_ms;
  return summary;
}

}  // namespace mlpjit::detail
