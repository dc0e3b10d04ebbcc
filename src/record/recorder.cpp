#include "src/record/recorder.h"

#include <atomic>
#include <set>
#include <utility>

#include "lib/ir/opcodes.h"
#include "lib/support/float_env.h"
#include "lib/support/unanswered.h"
#include "src/record/readable.h"

namespace mlpjit::detail {

namespace {

thread_local Recorder* current_recorder = nullptr;

std::uint64_t next_trace_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// Literals up to this many equal elements are written out; longer ones are one element, broadcast.
constexpr std::int64_t kSpelledOut = 16;

bool all_equal(const TensorImpl& impl) {
  const std::size_t element = size_of(impl.dtype);
  const auto* bytes = static_cast<const std::byte*>(impl.data());
  const std::size_t count = static_cast<std::size_t>(impl.shape.size());
  for (std::size_t i = 1; i < count; ++i) {
    if (!std::equal(bytes, bytes + element, bytes + i * element)) return false;
  }
  return true;
}

// "%3 = add of layer 'hidden' (f32[2])"; the layer only when it is another than `path`.
std::string described(const ir::Function& function, ir::ValueId id, const TensorImpl& impl,
                      const std::string& path) {
  const ir::Value& value = function.value(id);
  std::string text = "%" + value.name;
  if (value.producer.valid()) {
    const ir::Op& op = function.op(value.producer);
    text += " = " + std::string(ir::to_string(op.opcode));
    if (!op.path.empty() && op.path != path) text += " of layer '" + op.path + "'";
  }
  return text + " (" + to_string(TensorSpec{impl.dtype, impl.shape}) + ")";
}

}  // namespace

Recorder* Recorder::current() {
  return current_recorder;
}

TraceScope::TraceScope(Recorder* recorder) : outer_(std::exchange(current_recorder, recorder)) {}
TraceScope::~TraceScope() {
  current_recorder = outer_;
}

Recorder::Recorder(std::span<const ArgumentSpec> arguments, ParameterResolver resolver)
    : id_(next_trace_id()),
      graph_(std::make_shared<ir::Graph>()),
      resolver_(std::move(resolver)),
      unanswered_before_(support::unanswered()),
      size_texts_before_(support::size_texts()) {
  function_ = &graph_->add_function("main");
  regions_.push_back(ir::Function::kBody);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const ArgumentSpec& spec = arguments[i];
    if (spec.same_as != SIZE_MAX) {
      arguments_.push_back(arguments_.at(spec.same_as));
      continue;
    }
    const DType dtype = spec.weak == WeakKind::none ? spec.dtype : wide_dtype(spec.weak);
    auto symbol = make_impl();
    symbol->shape = spec.shape;
    symbol->dtype = spec.dtype;
    symbol->weak = spec.weak;
    std::string name = spec.name;
    if (name.empty()) name.append("x").append(std::to_string(i));
    Binding binding{ir::InputKind::argument, i, {}};
    const std::size_t index =
        add_input({ir::InputKind::argument, name}, {dtype, spec.shape, false}, binding, symbol);
    inputs_.emplace(symbol.get(), index);
    if (spec.concrete.defined()) {
      const ImplPtr& impl = TensorAccess::impl(spec.concrete);
      inputs_.emplace(impl.get(), index);
      kept_.push_back(impl);
    }
    watch(symbol);
    arguments_.push_back(TensorAccess::make(std::move(symbol)));
  }
}

Recorder::~Recorder() = default;

std::size_t Recorder::add_input(ir::Input input, const ir::Type& type, Binding binding,
                                ImplPtr symbol) {
  const std::string value_name = input.kind == ir::InputKind::argument ? input.name : std::string();
  const ir::ValueId value = function_->add_input(std::move(input), type, value_name);
  symbol->symbolic = true;
  symbol->trace = id_;
  symbol->value = value;
  bindings_.push_back(std::move(binding));
  initial_.push_back(value);
  values_.push_back(std::move(symbol));
  return bindings_.size() - 1;
}

std::optional<std::size_t> Recorder::known_input(const TensorImpl& impl) const {
  const auto found = inputs_.find(&impl);
  return found == inputs_.end() ? std::nullopt : std::optional<std::size_t>(found->second);
}

std::size_t Recorder::input_of(const ImplPtr& impl) {
  if (const std::optional<std::size_t> known = known_input(*impl)) {
    const Binding& binding = bindings_[*known];
    if (binding.kind == ir::InputKind::argument && !impl->symbolic) {
      bool noted = false;
      for (const auto& [argument, tensor] : captured_arguments_)
        noted |= argument == binding.argument;
      if (!noted) captured_arguments_.emplace_back(binding.argument, TensorAccess::make(impl));
    }
    return *known;
  }
  const Tensor tensor = TensorAccess::make(impl);
  std::optional<std::string> path;
  if (resolver_) {
    const TracePause pause;  // it may look at tensors
    path = resolver_(tensor);
  }
  const ir::InputKind kind = path ? ir::InputKind::parameter : ir::InputKind::capture;
  ir::Input input{kind, path ? *path : std::to_string(capture_count_)};
  if (!path) ++capture_count_;
  const DType dtype = impl->weak == WeakKind::none ? impl->dtype : wide_dtype(impl->weak);
  auto symbol = make_impl();
  symbol->shape = impl->shape;
  symbol->dtype = impl->dtype;
  symbol->weak = impl->weak;
  const std::size_t index = add_input(std::move(input), {dtype, impl->shape, false},
                                      {kind, 0, CapturedTensor(tensor)}, std::move(symbol));
  inputs_.emplace(impl.get(), index);
  kept_.push_back(impl);
  return index;
}

const Tensor& Recorder::variable(Tensor& slot, ir::InputKind kind, const char* name,
                                 const ir::Type& type) {
  if (!slot.defined()) {
    auto symbol = make_impl();
    symbol->dtype = type.dtype;
    symbol->shape = type.shape;
    const std::size_t index = add_input({kind, name}, type, {kind, 0, {}}, symbol);
    inputs_.emplace(symbol.get(), index);
    slot = TensorAccess::make(std::move(symbol));
  }
  return slot;
}

const Tensor& Recorder::random_state() {
  return variable(random_state_, ir::InputKind::state, "random", {DType::i64, Shape{2}, false});
}

const Tensor& Recorder::print_token() {
  return variable(print_token_, ir::InputKind::token, "print", ir::Type::make_token());
}

ir::ValueId Recorder::constant(const ir::Literal& literal) {
  // In the body even when a region is open: its op stands later in the body, so the constant is
  // seen everywhere.
  const ir::OpId op = function_->append(ir::Function::kBody, ir::Opcode::constant, {},
                                        {{"value", literal}}, {}, current_path());
  return function_->result(op);
}

ir::ValueId Recorder::constant_of(const ImplPtr& impl) {
  if (impl->weak != WeakKind::none) {
    const DType dtype = wide_dtype(impl->weak);
    if (dtype != DType::boolean) return constant(ir::make_literal(dtype, {}, &impl->wide));
    return constant(ir::make_literal(dtype, {}, impl->scalar));
  }
  if (const auto found = constants_.find(impl.get()); found != constants_.end())
    return found->second;
  ir::ValueId value;
  if (impl->shape.size() > kSpelledOut && all_equal(*impl)) {
    value = constant(ir::make_literal(impl->dtype, {}, impl->data()));
    const ir::OpId op = function_->append(ir::Function::kBody, ir::Opcode::broadcast_to, {value},
                                          {{"shape", impl->shape}}, {}, current_path());
    value = function_->result(op);
  } else {
    value = constant(ir::make_literal(impl->dtype, impl->shape, impl->data()));
  }
  constants_.emplace(impl.get(), value);
  kept_.push_back(impl);
  return value;
}

bool Recorder::visible(ir::ValueId value) const {
  const ir::RegionId region = function_->value(value).region;
  return std::find(regions_.begin(), regions_.end(), region) != regions_.end();
}

void Recorder::throw_foreign(const TensorImpl& impl, const char* call) const {
  require_value(impl, call);
  const std::string what = to_string(TensorSpec{impl.dtype, impl.shape});
  if (impl.trace == id_) {
    throw TraceError(
        path_prefix() + call + ": " + describe(impl) +
        " was made inside a branch or a loop body and is used outside of it; return it "
        "from there");
  }
  throw TraceError(
      path_prefix() + call + ": a tensor (" + what +
      ") that stands for a value of another trace is used in this one; pass it as an argument, or "
      "return it from the function it was made in");
}

ir::ValueId Recorder::value_of(const Tensor& tensor, const char* call) {
  impl_of(tensor, call);
  const ImplPtr& impl = TensorAccess::impl(tensor);
  ir::ValueId value;
  if (impl->symbolic) {
    if (impl->trace != id_) throw_foreign(*impl, call);
    value = impl->value;
  } else if (is_constant(*impl)) {
    value = constant_of(impl);
  } else {
    value = values_[input_of(impl)]->value;
  }
  if (!visible(value)) throw_foreign(*impl, call);
  return value;
}

ir::ValueId Recorder::append(ir::Opcode opcode, std::vector<ir::ValueId> operands,
                             ir::Attrs attrs) {
  return with_path([&] {
    const support::FloatEnvScope environment;
    return function_->result(function_->append(region(), opcode, std::move(operands),
                                               std::move(attrs), {}, current_path()));
  });
}

ir::ValueId Recorder::fresh(ir::ValueId value) {
  return append(ir::Opcode::reshape, {value}, {{"shape", function_->value(value).type.shape}});
}

Tensor Recorder::symbolic(ir::ValueId value, WeakKind weak) {
  const ir::Type& type = function_->value(value).type;
  auto impl = make_impl();
  impl->shape = type.shape;
  impl->dtype = weak == WeakKind::none ? type.dtype : default_dtype(weak);
  impl->weak = weak;
  impl->symbolic = true;
  impl->trace = id_;
  impl->depth = depth();
  impl->value = value;
  watch(impl);
  return TensorAccess::make(std::move(impl));
}

Tensors Recorder::record(ir::Opcode opcode, std::span<const ir::ValueId> operands,
                         ir::Attrs attrs) {
  const ir::OpId op = with_path([&] {
    const support::FloatEnvScope environment;
    return function_->append(region(), opcode, {operands.begin(), operands.end()}, std::move(attrs),
                             {}, current_path());
  });
  Tensors results;
  for (const ir::ValueId result : function_->op(op).results) results.push_back(symbolic(result));
  return results;
}

void Recorder::log_update(const Tensor& tensor, ir::ValueId before) {
  if (logs_.empty() || TensorAccess::impl(tensor)->depth >= depth()) return;
  for (const RegionUpdate& update : logs_.back()) {
    if (TensorAccess::impl(update.tensor) == TensorAccess::impl(tensor)) return;
  }
  logs_.back().push_back({tensor, before, {}});
}

void Recorder::update(const Tensor& tensor, ir::ValueId value, const char* call) {
  const ImplPtr& impl = TensorAccess::impl(tensor);
  const ir::ValueId before = value_of(tensor, call);
  ImplPtr symbol = impl;
  if (is_constant(*impl)) {  // made by this trace: from here on it stands for a computed value
    impl->symbolic = true;
    impl->storage.reset();
    watch(impl);
  } else if (!impl->symbolic) {
    symbol = values_[input_of(impl)];
    if (impl->storage && impl->storage->read_only()) {
      throw UserError(path_prefix() + call +
                      ": the tensor borrows read-only memory; copy() gives one of its own");
    }
  }
  log_update(TensorAccess::make(symbol), before);
  symbol->value = value;
}

void Recorder::update_weak(const Tensor& tensor, const Tensor& value, const char* call) {
  const ImplPtr& impl = TensorAccess::impl(tensor);
  const bool from_outside = impl->trace != id_ || known_input(*impl).has_value();
  if (from_outside || impl->depth < depth()) {
    throw TraceError(path_prefix() + call + ": a C++ scalar from outside of the " +
                     (from_outside
                          ? "traced function is updated in place; make it a tensor where it is "
                            "declared, as in Tensor n = tensor(0.f), which every call updates then"
                          : "branch or loop body is updated in place; make it a tensor where it is "
                            "declared, as in Tensor n = tensor(0.f), or return the new value from "
                            "there"));
  }
  const TensorImpl& from = *TensorAccess::impl(value);
  impl->value = value_of(value, call);
  impl->dtype = from.dtype;
  impl->weak = from.weak;
  impl->symbolic = true;
  watch(impl);
}

bool Recorder::updated(const TensorImpl& impl) const {
  if (impl.symbolic) return false;
  const std::optional<std::size_t> input = known_input(impl);
  return input && values_[*input]->value != initial_[*input];
}

std::string Recorder::name_of(const TensorImpl& impl) const {
  if (impl.symbolic && impl.trace != id_) return "<of another trace>";
  const std::optional<std::size_t> input = impl.symbolic ? std::nullopt : known_input(impl);
  const ir::Value& value = function_->value(input ? values_[*input]->value : impl.value);
  return "%" + value.name;
}

std::string Recorder::describe(const TensorImpl& impl) const {
  if (impl.symbolic && impl.trace != id_) return "a symbol of another trace";
  const std::optional<std::size_t> input = impl.symbolic ? std::nullopt : known_input(impl);
  return described(*function_, input ? values_[*input]->value : impl.value, impl, current_path());
}

void Recorder::begin_region(ir::RegionId region) {
  if (static_cast<int>(logs_.size()) >= ir::kDeepestRegion) {
    throw TraceError(path_prefix() + "cond, while_loop and scan nest more than " +
                     std::to_string(ir::kDeepestRegion) +
                     " deep; carry the state through one while_loop instead");
  }
  regions_.push_back(region);
  logs_.emplace_back();
}

std::vector<Recorder::RegionUpdate> Recorder::end_region() {
  std::vector<RegionUpdate> updates = std::move(logs_.back());
  logs_.pop_back();
  regions_.pop_back();
  for (RegionUpdate& update : updates) {
    TensorImpl& impl = *TensorAccess::impl(update.tensor);
    update.after = std::exchange(impl.value, update.before);
  }
  return updates;
}

void Recorder::abandon_region() {
  end_region();
  abandoned_ = true;
}

ResultSource Recorder::source_of(const Tensor& result, const Tensors& results, std::size_t index) {
  const TensorImpl& impl = *TensorAccess::impl(result);
  ResultSource source;
  source.weak = impl.weak;
  const std::optional<std::size_t> input = known_input(impl);
  for (std::size_t i = 0; i < index && !input; ++i) {
    if (TensorAccess::impl(results[i]).get() != &impl) continue;
    source.kind = ResultSource::Kind::duplicate;
    source.index = i;
    return source;
  }
  if (input) {
    source.kind = ResultSource::Kind::input;
    source.index = *input;
  }
  return source;
}

Trace Recorder::finish(const Tensors& results) {
  if (abandoned_) {
    throw TraceError(
        "an exception left the body of a cond, while_loop or scan and was caught inside the traced "
        "function: a program cannot follow it. Catch it inside the body, or outside the function");
  }
  if (support::unanswered() != unanswered_before_) {
    throw TraceError(
        "a value or a size that is not known while tracing was asked for, and the error was caught "
        "inside the traced function: the program would go another way than the imperative run. "
        "Ask for it outside of the function, or ask is_tracing() first");
  }
  std::vector<ir::ValueId> values;
  std::vector<ResultSource> sources;
  for (std::size_t i = 0; i < results.size(); ++i) {
    values.push_back(value_of(results[i], "return"));
    sources.push_back(source_of(results[i], results, i));
  }
  function_->body().results = std::move(values);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i]->value == initial_[i]) continue;
    function_->updates().push_back({static_cast<std::uint32_t>(i), values_[i]->value});
  }
  Trace trace = end();
  trace.results = std::move(sources);
  trace.captured_arguments = captured_arguments_;
  return trace;
}

Trace Recorder::end() {
  Trace trace;
  trace.graph = graph_;
  trace.inputs = bindings_;
  trace.tensors = std::move(watched_);
  trace.has_size_text = support::size_texts() != size_texts_before_;
  return trace;
}

std::vector<std::string> escaped_values(const Trace& trace) {
  std::vector<std::string> values;
  std::set<const TensorImpl*> seen;  // a C++ scalar is watched from each update on
  for (const std::weak_ptr<TensorImpl>& symbol : trace.tensors) {
    if (const ImplPtr impl = symbol.lock(); impl && seen.insert(impl.get()).second)
      values.push_back(described(trace.graph->main(), impl->value, *impl, ""));
  }
  return values;
}

}  // namespace mlpjit::detail
