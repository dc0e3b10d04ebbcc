#include "src/trace/runner.h"

#include <algorithm>

#include "lib/support/float_env.h"
#include "src/tensor/dispatch.h"
#include "src/tensor/random_state.h"
#include "src/tensor/small.h"

namespace mlpjit::detail {

support::Isa chosen_isa(const HybridizeOptions& options) {
  const support::Isa widest = support::default_isa();
  return options.isa ? std::min(*options.isa, widest) : widest;
}

namespace {

bool is_call_argument(const Binding& binding) {
  return !binding.tensor.defined() && binding.kind != ir::InputKind::state &&
         binding.kind != ir::InputKind::token;
}

// Only what is computed comes out of the executable; results that are inputs are handed back as
// they are.
std::shared_ptr<const jit::Executable> compile_computed(const ir::Graph& graph,
                                                        std::span<const ResultSource> sources,
                                                        const HybridizeOptions& options) {
  const jit::Settings settings{options.backend, chosen_isa(options), options.passes, {}};
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

Runner::Runner(const ir::Graph& graph, std::vector<Binding> inputs,
               std::vector<ResultSource> results, const HybridizeOptions& options)
    : executable_(compile_computed(graph, results, options)),
      inputs_(std::move(inputs)),
      results_(std::move(results)) {
  for (const std::uint32_t input : executable_->updated_inputs()) {
    const ir::InputKind kind = inputs_[input].kind;
    updates_tensors_ |= kind != ir::InputKind::state && kind != ir::InputKind::token;
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
  for (const std::uint32_t updated : executable_->updated_inputs()) {
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

void Runner::mark_updated(std::span<const Tensor> arguments) const {
  for (const std::uint32_t updated : executable_->updated_inputs()) {
    const ir::InputKind kind = inputs_[updated].kind;
    if (kind == ir::InputKind::state || kind == ir::InputKind::token) continue;
    TensorAccess::impl(bound(updated, arguments))->storage->bump_version();
  }
}

Tensors Runner::operator()(std::span<const Tensor> arguments) const {
  const support::FloatEnvScope environment;
  const std::size_t count = inputs_.size();
  const std::span<const ir::Type> types = executable_->input_types();
  Small<jit::Argument, 12> in(count);
  Small<Cell, 12> cells(count);
  for (std::size_t i = 0; i < count; ++i) {
    jit::Argument& argument = in[i];
    argument.view.dtype = types[i].dtype;
    argument.view.shape = types[i].shape;
    if (inputs_[i].kind == ir::InputKind::state) {
      argument.view.data = random_state();
    } else if (inputs_[i].kind != ir::InputKind::token) {
      const TensorImpl& impl = *TensorAccess::impl(bound(i, arguments));
      if (impl.weak == WeakKind::none) {
        argument.view.data = impl.storage->data();
        argument.storage = impl.storage.get();
      } else {
        store_weak(impl, types[i].dtype, cells[i].bytes);
        argument.view.data = cells[i].bytes;
      }
    }
  }
  if (updates_tensors_) check_updates(in.span(), arguments);

  const std::span<const ir::Type> result_types = executable_->result_types();
  Small<interp::View, 4> out(result_types.size());
  Tensors computed;
  computed.reserve(results_.size());
  for (std::size_t i = 0; i < result_types.size(); ++i) {
    computed.push_back(make_tensor(result_types[i].dtype, result_types[i].shape));
    out[i] = view_of(*TensorAccess::impl(computed.back()));
  }
  executable_->run(in.span(), out.span());
  if (updates_tensors_) mark_updated(arguments);

  const bool plain = computed.size() == results_.size();  // every result is computed
  if (plain) {
    for (std::size_t i = 0; i < computed.size(); ++i) {
      if (results_[i].weak == WeakKind::none) continue;
      const TensorImpl& impl = *TensorAccess::impl(computed[i]);
      computed[i] = make_weak(impl.dtype, impl.data());
    }
    return computed;
  }
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
  const jit::Report& report = executable_->report();
  SignatureSummary summary;
  summary.backend = to_string(report.backend);
  summary.isa = to_string(report.isa);
  for (const passes::PassReport& pass : report.passes)
    summary.passes.push_back({pass.name, pass.changes, pass.ms});
  for (const jit::KernelReport& kernel : report.kernels) {
    summary.kernels.push_back({kernel.name, kernel.kind, kernel.reason});
  }
  summary.fusions = report.fusions;
  summary.workspace_bytes = report.workspace_bytes;
  summary.unshared_bytes = report.unshared_bytes;
  summary.packed_bytes = report.packed_bytes;
  summary.code_bytes = report.code_bytes;
  summary.ms = {trace_ms,          report.passes_ms, report.plan_ms, report.emit_ms,
                report.codegen_ms, report.link_ms,   report.load_ms, trace_ms + report.total_ms};
  return summary;
}

}  // namespace mlpjit::detail
