#include "src/hybrid/bound_call.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <cstring>

#include "lib/runtime/bound_graph.h"
#include "lib/support/bytes.h"
#include "lib/support/float_env.h"
#include "lib/support/publication.h"
#include "mlpjit/create.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "src/ops/inplace.h"

namespace mlpjit::detail {

class BoundState {
 public:
  // One buffer of the caller's.
  struct Place {
    TensorSpec spec;
    std::uint32_t index = 0;  // of the executable's input, or result
    std::size_t count = 0, bytes = 0;
  };
  // A result that is an input, or another result, rather than computed.
  struct Copied {
    std::size_t output = 0;
    bool of_input = false;
    std::size_t from = 0;  // argument of the call, or output
  };

  BoundState(std::shared_ptr<const Runner> runner, std::string name,
             const std::vector<TensorSpec>& specs);

  Status check(const BoundInput* inputs, std::size_t input_count, const BoundOutput* outputs,
               std::size_t output_count) const noexcept;
  Status run(const BoundInput* inputs, const BoundOutput* outputs) noexcept;

  std::string name;
  std::vector<Place> inputs, outputs;
  std::size_t bytes() const { return sizeof(*this) + program_->bytes(); }

 private:
  void refuse(const std::vector<std::string>& reasons) const;
  void add_inputs(const std::vector<TensorSpec>& specs,
                  std::vector<runtime::BoundGraph::Weight>& weights,
                  std::vector<std::string>& obstacles);
  void add_outputs(std::vector<std::string>& obstacles);
  std::int64_t batch() const;  // once the inputs are there
  void touch();

  const std::shared_ptr<const Runner> runner_;
  std::vector<Copied> copied_;
  std::vector<bool> computed_;  // of each output
  std::unique_ptr<runtime::BoundGraph> program_;
};

namespace {

BoundState::Place place_of(const TensorSpec& spec, std::uint32_t index) {
  const auto count = static_cast<std::size_t>(spec.shape.size());
  return {spec, index, count, count * size_of(spec.dtype)};
}

Status fits(const BoundState::Place& place, const void* data, DType dtype,
            std::size_t count) noexcept {
  if (dtype != place.spec.dtype) return Status::wrong_dtype;
  if (count != place.count && count != BoundInput::kUncounted) return Status::wrong_size;
  if (place.bytes == 0) return Status::ok;
  if (data == nullptr) return Status::null_buffer;
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % size_of(dtype) == 0;
  return aligned ? Status::ok : Status::misaligned;
}

}  // namespace

BoundState::BoundState(std::shared_ptr<const Runner> runner, std::string network,
                       const std::vector<TensorSpec>& specs)
    : name(std::move(network)), runner_(std::move(runner)) {
  std::vector<std::string> obstacles = runtime::obstacles_to_bind(runner_->compiled());
  std::vector<runtime::BoundGraph::Weight> weights;
  add_inputs(specs, weights, obstacles);
  add_outputs(obstacles);
  if (!obstacles.empty()) {
    throw UserError(fmt::format("bind: {} cannot run in hard real time:\n  {}", name,
                                fmt::join(obstacles, "\n  ")));
  }
  program_ = std::make_unique<runtime::BoundGraph>(runner_->shared_compiled(), std::move(weights),
                                                   batch());
  if (!runtime::has_loops(runner_->compiled())) touch();  // else nobody knows how long it runs
}

std::int64_t BoundState::batch() const {
  return runner_->compiled().interface().batch([&](std::size_t index) -> const Shape& {
    return std::find_if(inputs.begin(), inputs.end(),
                        [&](const Place& input) { return input.index == index; })
        ->spec.shape;
  });
}

void BoundState::add_inputs(const std::vector<TensorSpec>& specs,
                            std::vector<runtime::BoundGraph::Weight>& weights,
                            std::vector<std::string>& obstacles) {
  inputs.resize(specs.size());
  for (std::uint32_t i = 0; i < runner_->inputs().size(); ++i) {
    const Binding& binding = runner_->inputs()[i];
    if (binding.tensor.defined()) {
      const TensorImpl& impl = *TensorAccess::impl(binding.tensor);
      if (impl.storage) {
        weights.push_back({i, impl.storage});
      } else {
        obstacles.push_back("it captures a C++ scalar, which may change; capture tensor(...)");
      }
    } else if (binding.kind == ir::InputKind::argument) {
      inputs.at(binding.argument) = place_of(specs.at(binding.argument), i);
    }
  }
}

void BoundState::add_outputs(std::vector<std::string>& obstacles) {
  const std::span<const ir::Type> types = runner_->compiled().result_types();
  std::uint32_t computed = 0;
  for (const ResultSource& source : runner_->results()) {
    const std::size_t output = outputs.size();
    computed_.push_back(source.kind == ResultSource::Kind::computed);
    if (source.kind == ResultSource::Kind::duplicate) {
      copied_.push_back({output, false, source.index});
      outputs.push_back(outputs[source.index]);
    } else if (source.kind == ResultSource::Kind::input) {
      const Binding& binding = runner_->inputs()[source.index];
      if (binding.kind != ir::InputKind::argument || binding.tensor.defined()) {
        obstacles.push_back(fmt::format(
            "result {} is a tensor that the network holds; give back a copy()", output));
        outputs.push_back({});
        continue;
      }
      copied_.push_back({output, true, binding.argument});
      outputs.push_back(inputs[binding.argument]);
    } else {
      const ir::Type& type = types[computed];
      outputs.push_back(place_of({type.dtype, ir::sized(type.shape, batch())}, computed++));
    }
  }
}

// Runs it once, so that its code and this thread's stack are there.
void BoundState::touch() {
  std::vector<std::vector<std::byte>> memory;
  const auto zeros = [&](const Place& place) {
    return memory.emplace_back(place.bytes + sizeof(double)).data();
  };
  const support::FloatEnvScope environment;
  program_->begin();
  for (const Place& input : inputs) program_->set_input(input.index, zeros(input));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (computed_[i]) program_->set_result(outputs[i].index, zeros(outputs[i]));
  }
  program_->run();
  program_->end();
}

Status BoundState::check(const BoundInput* in, std::size_t input_count, const BoundOutput* out,
                         std::size_t output_count) const noexcept {
  if (input_count != inputs.size() || output_count != outputs.size()) return Status::wrong_count;
  for (std::size_t i = 0; i < input_count; ++i) {
    const Status status = fits(inputs[i], in[i].data(), in[i].dtype(), in[i].count());
    if (status != Status::ok) return status;
  }
  for (std::size_t i = 0; i < output_count; ++i) {
    const Status status = fits(outputs[i], out[i].data(), out[i].dtype(), out[i].count());
    if (status != Status::ok) return status;
    for (std::size_t j = 0; j < input_count; ++j) {
      if (support::bytes_overlap(out[i].data(), outputs[i].bytes, in[j].data(), inputs[j].bytes))
        return Status::overlap;
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (support::bytes_overlap(out[i].data(), outputs[i].bytes, out[j].data(), outputs[j].bytes))
        return Status::overlap;
    }
  }
  return Status::ok;
}

Status BoundState::run(const BoundInput* in, const BoundOutput* out) noexcept {
  const support::FloatEnvScope environment;
  if (!program_->begin()) return Status::unbound;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    program_->set_input(inputs[i].index, in[i].data());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (computed_[i]) program_->set_result(outputs[i].index, out[i].data());
  }
  const std::int64_t status = program_->run();
  program_->end();
  for (const Copied& copied : copied_) {
    const void* from = copied.of_input ? in[copied.from].data() : out[copied.from].data();
    if (outputs[copied.output].bytes > 0)
      std::memcpy(out[copied.output].data(), from, outputs[copied.output].bytes);
  }
  if (status == 0) return Status::ok;
  return runtime::is_bad_value(status) ? Status::bad_value : Status::failed;
}

BoundCall BoundAccess::make(std::shared_ptr<const Runner> runner,
                            const std::vector<TensorSpec>& specs, const std::string& name) {
  return BoundCall(std::make_unique<BoundState>(std::move(runner), name, specs));
}

Tensors stand_ins(const std::vector<TensorSpec>& specs, const std::string& name) {
  Tensors tensors;
  for (const TensorSpec& spec : specs) {
    if (!spec.shape.is_static()) {
      throw UserError(
          fmt::format("{}: the input {} has a size that is not known; a bound call has "
                      "one size: bind one for each",
                      name, to_string(spec)));
    }
    tensors.push_back(zeros(spec.shape, spec.dtype));
  }
  return tensors;
}

}  // namespace mlpjit::detail

namespace mlpjit {

std::string_view to_string(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::wrong_count: return "wrong_count";
    case Status::wrong_dtype: return "wrong_dtype";
    case Status::wrong_size: return "wrong_size";
    case Status::null_buffer: return "null_buffer";
    case Status::misaligned: return "misaligned";
    case Status::overlap: return "overlap";
    case Status::unbound: return "unbound";
    case Status::failed: return "failed";
    case Status::bad_value: return "bad_value";
  }
  return "?";
}

BoundCall::BoundCall(std::unique_ptr<detail::BoundState> state) : state_(std::move(state)) {}
BoundCall::BoundCall(BoundCall&&) noexcept = default;
BoundCall& BoundCall::operator=(BoundCall&&) noexcept = default;
BoundCall::~BoundCall() = default;

Status BoundCall::run(const BoundInput* inputs, std::size_t input_count, const BoundOutput* outputs,
                      std::size_t output_count) noexcept {
  if (!state_) return Status::unbound;
  const Status status = state_->check(inputs, input_count, outputs, output_count);
  return status == Status::ok ? state_->run(inputs, outputs) : status;
}

namespace {

const detail::BoundState& require(const std::unique_ptr<detail::BoundState>& state) {
  if (!state) throw UserError("this BoundCall was moved from and is bound to nothing");
  return *state;
}

const detail::TensorImpl& require_type(const Tensor& tensor, const TensorSpec& spec,
                                       const std::string& what) {
  const detail::TensorImpl& impl = detail::impl_of(tensor, "bound call");
  const std::string text = fmt::format("{}: expected {}, got {}", what, to_string(spec),
                                       to_string(TensorSpec{impl.dtype, impl.shape}));
  if (impl.dtype != spec.dtype || !impl.storage) throw DTypeError(text);
  if (!identical(impl.shape, spec.shape)) throw ShapeError(text);
  return impl;
}

}  // namespace

void BoundCall::operator()(const Tensors& inputs, const Tensors& outputs) {
  const detail::BoundState& bound = require(state_);
  if (is_tracing()) {
    throw TraceError(bound.name +
                     ": a bound call cannot be traced; call the network itself, or bind what is "
                     "traced");
  }
  if (inputs.size() != bound.inputs.size() || outputs.size() != bound.outputs.size()) {
    throw UserError(fmt::format("{}: bound to {} inputs and {} outputs, called with {} and {}",
                                bound.name, bound.inputs.size(), bound.outputs.size(),
                                inputs.size(), outputs.size()));
  }
  const support::Snapshot snapshot;
  std::vector<BoundInput> from;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const detail::TensorImpl& impl =
        require_type(inputs[i], bound.inputs[i].spec, fmt::format("{}: input {}", bound.name, i));
    from.emplace_back(impl.dtype, impl.data());
  }
  support::Publication results;  // of those that programs read
  std::vector<BoundOutput> to;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const detail::TensorImpl& impl = require_type(outputs[i], bound.outputs[i].spec,
                                                  fmt::format("{}: output {}", bound.name, i));
    detail::require_writable(impl, "bound call");
    support::check_may_write(*impl.storage, "bound call");
    const bool in_place = !impl.storage->published() || impl.storage->exposed();
    void* memory = in_place ? impl.storage->data() : results.prepare(*impl.storage, true);
    to.emplace_back(impl.dtype, memory);
  }
  const Status status = run(from.data(), from.size(), to.data(), to.size());
  if (status == Status::bad_value) {
    throw ValueError(fmt::format(
        "{}: an index is out of range; the network, called by itself, says which", bound.name));
  }
  if (status != Status::ok) {
    throw UserError(fmt::format(
        "{}: the bound call ended with '{}'{}", bound.name, to_string(status),
        status == Status::overlap   ? ": an output shares memory with an input or another output"
        : status == Status::unbound ? ": another thread runs it; bind one for each thread"
                                    : ""));
  }
  results.commit();
}

detail::ValueList<TensorSpec> BoundCall::inputs() const {
  std::vector<TensorSpec> specs;
  for (const auto& place : require(state_).inputs) specs.push_back(place.spec);
  return specs;
}

detail::ValueList<TensorSpec> BoundCall::outputs() const {
  std::vector<TensorSpec> specs;
  for (const auto& place : require(state_).outputs) specs.push_back(place.spec);
  return specs;
}

std::size_t BoundCall::bytes() const {
  return require(state_).bytes();
}

}  // namespace mlpjit
