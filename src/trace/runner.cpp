#include "src/trace/runner.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "lib/jit/explain.h"
#include "lib/support/float_env.h"
#include "lib/support/thread_object.h"
#include "src/core/log.h"
#include "src/tensor/dispatch.h"
#include "src/tensor/random_state.h"
#include "src/tensor/small.h"

namespace mlpjit::detail {

void check_options(const HybridizeOptions& options) {
  if (options.threads < 1) {
    throw UserError("options: threads is " + std::to_string(options.threads) +
                    "; expected at least 1");
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

jit::Settings settings_of(const HybridizeOptions& options) {
  const support::Isa widest = support::default_isa();
  const support::Isa isa = options.isa ? std::min(*options.isa, widest) : widest;
  return {options.backend, isa, options.passes, {}};
}

namespace {

std::uint64_t next_runner_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

bool is_call_argument(const Binding& binding) {
  return !binding.tensor.defined() && binding.kind != ir::InputKind::state &&
         binding.kind != ir::InputKind::token;
}

// Calls are serial in this version; nobody who asks for threads should have to guess that.
void warn_of_threads(int threads) {
  static std::atomic<bool> warned{false};
  if (threads <= 1 || warned.exchange(true)) return;
  warn(std::to_string(threads) + " threads were asked for; this version runs each call on one");
}

// Only what is computed comes out of the executable; results that are inputs are handed back as
// they are.
std::shared_ptr<const jit::Executable> compile_computed(const ir::Graph& graph,
                                                        std::span<const ResultSource> sources,
                                                        const HybridizeOptions& options) {
  warn_of_threads(options.threads);
  const jit::Settings settings = settings_of(options);
  const bool all = std::all_of(sources.begin(), sources.end(), [](const ResultSource& source) {
    return source.kind == ResultSource::Kind::computed;
  });
  if (all) return jit::Executable::compile(graph, settings);
  ir::Graph copy = graph.clone();
  std::vector<ir::ValueId>& results = copy.main().body().results;
  std::vector<ir::ValueId> computed;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (sources[i].kind == ResultSource::Kind::computed) computed.push_back(results[i]);
  }
  results = std::move(computed);
  return jit::Executable::compile(copy, settings);
}

}  // namespace

// The views of a call, kept by each thread for the runner it used last: their dtypes and shapes
// stay while the batch size does, only addresses change from call to call.
struct Runner::Scratch {
  std::uint64_t id = 0;
  bool busy = false;
  std::int64_t batch = 0;  // that the shapes are for
  std::vector<jit::Argument> inputs;
  std::vector<Cell> cells;
  std::vector<interp::View> results;
};

// The thread's scratch for the time of a call; one of its own for a call inside a call (from a
// stream that a program prints to, say).
class Runner::ScratchLease {
 public:
  ScratchLease(const Runner& runner, std::int64_t batch)
      : scratch_(&support::thread_object<Scratch, Scratch>()) {
    if (scratch_->busy) {
      own_ = std::make_unique<Scratch>();
      scratch_ = own_.get();
    }
    if (scratch_->id != runner.id_ || scratch_->batch != batch) runner.fit(*scratch_, batch);
    scratch_->busy = true;
  }
  ~ScratchLease() { scratch_->busy = false; }
  ScratchLease(const ScratchLease&) = delete;
  ScratchLease& operator=(const ScratchLease&) = delete;
  Scratch& operator*() const { return *scratch_; }

 private:
  std::unique_ptr<Scratch> own_;
  Scratch* scratch_;
};

std::int64_t Runner::batch(std::span<const Tensor> arguments) const {
  const jit::Signature& signature = executable_->signature();
  if (signature.symbol.empty()) return 0;
  return signature.batch(TensorAccess::impl(bound(signature.batch_input, arguments))->shape);
}

void Runner::fit(Scratch& scratch, std::int64_t batch) const {
  scratch.id = 0;
  const std::span<const ir::Type> types = executable_->input_types();
  scratch.inputs.assign(types.size(), {});
  scratch.cells.resize(types.size());
  for (std::size_t i = 0; i < types.size(); ++i)
    scratch.inputs[i].view = {types[i].dtype, interp::sized(types[i].shape, batch), nullptr};
  scratch.results.clear();
  for (const ir::Type& type : executable_->result_types())
    scratch.results.push_back({type.dtype, interp::sized(type.shape, batch), nullptr});
  scratch.id = id_;
  scratch.batch = batch;
}

Runner::Runner(const ir::Graph& graph, std::vector<Binding> inputs,
               std::vector<ResultSource> results, const HybridizeOptions& options)
    : id_(next_runner_id()),
      executable_(compile_computed(graph, results, options)),
      inputs_(std::move(inputs)),
      results_(std::move(results)) {
  for (const std::uint32_t input : executable_->updated_inputs()) {
    const ir::InputKind kind = inputs_[input].kind;
    if (kind != ir::InputKind::state && kind != ir::InputKind::token)
      updated_tensors_.push_back(input);
  }
  for (const Binding& binding : inputs_) {
    if (!binding.tensor.defined() || !TensorAccess::impl(binding.tensor)->storage) continue;
    if (!gate_) gate_ = support::CallGate::make(support::CallGate::Inside::program);
    support::guard(gate_, *TensorAccess::impl(binding.tensor)->storage);
  }
  for (const ResultSource& source : results_) {
    all_computed_ &= source.kind == ResultSource::Kind::computed && source.weak == WeakKind::none;
  }
}

const Tensor& Runner::bound(std::size_t input, std::span<const Tensor> arguments) const {
  const Binding& binding = inputs_[input];
  return is_call_argument(binding) ? arguments[binding.argument] : binding.tensor;
}

// An update is written at the end, so an input that shares memory with the updated one would have
// been read too early; and read-only memory must be refused before anything ran.
void Runner::check_updates(std::span<const jit::Argument> inputs,
                           std::span<const Tensor> arguments) const {
  for (const std::uint32_t updated : updated_tensors_) {
    const support::Storage* to = inputs[updated].storage;
    if (to == nullptr) {
      if (!is_call_argument(inputs_[updated])) continue;
      throw UserError(
          "a C++ scalar was passed for an argument that the program updates in place; pass a "
          "tensor");
    }
    if (to->read_only()) {
      throw UserError("the program updates a tensor in place that borrows read-only memory (" +
                      to_string(bound(updated, arguments).shape()) +
                      "); copy() gives one of its own");
    }
    const auto* begin = static_cast<const std::byte*>(to->data());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const support::Storage* other = inputs[i].storage;
      if (i == updated || other == nullptr) continue;
      const auto* start = static_cast<const std::byte*>(other->data());
      if (begin < start + other->bytes() && start < begin + to->bytes()) {
        throw UserError("the program updates one of two tensors that share memory (inputs " +
                        std::to_string(updated) + " and " + std::to_string(i) +
                        "), but was traced with tensors apart; pass a copy() of one, or trace with "
                        "the same tensor");
      }
    }
  }
}

std::vector<const support::Storage*> Runner::updated_storages(
    std::span<const Tensor> arguments) const {
  std::vector<const support::Storage*> storages;
  for (const std::uint32_t input : updated_tensors_) {
    const support::Storage* storage = TensorAccess::impl(bound(input, arguments))->storage.get();
    if (storage != nullptr) storages.push_back(storage);
  }
  return storages;
}

Results Runner::operator()(std::span<const Tensor> arguments) const {
  const support::FloatEnvScope environment;
  std::optional<support::CallGate::Scope> inside;
  std::optional<support::WriteScope> alone;
  if (updates_tensors()) {
    alone.emplace(gate_.get(), updated_storages(arguments));
  } else if (gate_) {
    inside.emplace(*gate_);
  }
  const ScratchLease lease(*this, batch(arguments));
  Scratch& call = *lease;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    jit::Argument& argument = call.inputs[i];
    if (inputs_[i].kind == ir::InputKind::state) {
      argument.view.data = random_state();
    } else if (inputs_[i].kind != ir::InputKind::token) {
      const TensorImpl& impl = *TensorAccess::impl(bound(i, arguments));
      argument.storage = impl.storage.get();
      if (impl.weak == WeakKind::none) {
        argument.view.data = impl.storage->data();
      } else {
        store_weak(impl, argument.view.dtype, call.cells[i].bytes);
        argument.view.data = call.cells[i].bytes;
      }
    }
  }
  if (updates_tensors()) check_updates(call.inputs, arguments);

  Results results;
  if (all_computed_ && call.results.size() == 1) {
    interp::View& view = call.results.front();
    results.single = make_tensor(view.dtype, view.shape);
    view.data = TensorAccess::impl(results.single)->storage->data();
  } else {
    results.several.reserve(results_.size());
    for (interp::View& view : call.results) {
      results.several.push_back(make_tensor(view.dtype, view.shape));
      view.data = TensorAccess::impl(results.several.back())->storage->data();
    }
  }
  executable_->run(call.inputs, call.results);
  if (!all_computed_) results.several = assembled(std::move(results.several), arguments);
  return results;
}

// All results from those that were computed.
Tensors Runner::assembled(Tensors computed, std::span<const Tensor> arguments) const {
  Tensors all;
  all.reserve(results_.size());
  std::size_t next = 0;
  for (const ResultSource& source : results_) {
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
  SignatureSummary summary = jit::summarize(executable_->report());
  summary.ms.trace = trace_ms;
  summary.ms.total += trace_ms;
  return summary;
}

}  // namespace mlpjit::detail
