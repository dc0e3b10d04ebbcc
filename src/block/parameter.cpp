#include "mlpjit/nn/parameter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <ostream>

#include "lib/support/making.h"
#include "lib/support/snapshot.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "mlpjit/ops.h"
#include "src/block/block_state.h"
#include "src/block/clone_map.h"
#include "src/block/parameter_state.h"
#include "src/core/path.h"
#include "src/ops/dispatch.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {
namespace {

bool fits(std::span<const std::int64_t> known, std::span<const std::int64_t> found) {
  return std::equal(known.begin(), known.end(), found.begin(), found.end(),
                    [](std::int64_t a, std::int64_t b) { return a == nn::kUnknown || a == b; });
}

std::string sizes_text(std::span<const std::int64_t> sizes) {
  std::vector<std::string> texts;
  for (const std::int64_t size : sizes)
    texts.push_back(size == nn::kUnknown ? "?" : std::to_string(size));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

Tensor first_values(const nn::Initializer& initializer, const nn::Initializer::Request& request) {
  const TracePause pause;
  return initializer.make(request);
}

}  // namespace

bool ParameterState::complete() const {
  return std::find(sizes.begin(), sizes.end(), nn::kUnknown) == sizes.end();
}

std::string ParameterState::shape_text() const {
  return fmt::format("{}{}", to_string(options.dtype), sizes_text(sizes));
}

void ParameterState::throw_misfit(std::span<const std::int64_t> found) const {
  throw ShapeError(fmt::format("{}parameter '{}' is {}, expected shape {}", path_prefix(), path,
                               shape_text(), sizes_text(found)));
}

// First values: whoever reads the parameter from now on finds them.
void ParameterState::adopt(Tensor own, std::span<const std::int64_t> wanted) {
  if (!complete()) sizes.assign(wanted.begin(), wanted.end());
  value = std::move(own);
  pending.reset();
  TensorAccess::impl(value)->storage->mark_published();
  ready.store(true, std::memory_order_release);
}

Tensor ParameterState::materialize(std::span<const std::int64_t> wanted) {
  std::unique_lock lock(mutex);
  while (true) {
    if (!fits(sizes, wanted)) throw_misfit(wanted);
    if (ready.load(std::memory_order_relaxed)) return value;
    if (!pending) {
      throw ParameterError(
          fmt::format("{}parameter '{}' has no values yet: call initialize() or load_parameters() "
                      "on the network before its first call",
                      path_prefix(), path));
    }
    if (support::Making::of_this_thread(this)) {
      throw ParameterError(fmt::format(
          "{}the initializer of parameter '{}' runs a network that needs its values; call "
          "set_data() on it, or let the initializer compute without them",
          path_prefix(), path));
    }
    if (being_made && !support::Making::waited_for()) {
      made.wait(lock);
      continue;
    }
    const bool mine = !std::exchange(being_made, true);  // else another makes them too
    const Pending request = *pending;
    const std::uint64_t number = requests;
    const nn::Initializer::Request described{request.seed, path, Shape(wanted), options.dtype};
    lock.unlock();
    Tensor values;
    std::exception_ptr failure;
    try {
      const support::Making making(this);
      const TracePause pause;
      // A function of the user's may have given a tensor that others hold.
      values = first_values(request.initializer, described).copy();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (mine) {
      being_made = false;
      made.notify_all();
    }
    if (failure) std::rethrow_exception(failure);
    // Else set, or to be initialized otherwise, meanwhile.
    if (ready.load(std::memory_order_relaxed) || requests != number) continue;
    adopt(std::move(values), wanted);
    return value;
  }
}

Tensor ParameterState::request(const nn::Initializer& initializer, std::uint64_t seed,
                               const std::string& new_path) {
  std::unique_lock lock(mutex);
  if (path != new_path) path = new_path;
  ++requests;
  const nn::Initializer chosen = options.initializer.defined() ? options.initializer : initializer;
  if (!complete()) {
    pending = Pending{chosen, seed};
    return {};
  }
  const nn::Initializer::Request described{seed, path, Shape(sizes), options.dtype};
  lock.unlock();
  return first_values(chosen, described);
}

void ParameterState::check_fits(const Tensor& values, const char* call) const {
  if (!values.defined())
    throw ParameterError(fmt::format("{} of parameter '{}': no tensor given", call, path));
  const std::span<const std::int64_t> found = values.shape().sizes();
  if (!fits(sizes, found)) {
    throw ShapeError(fmt::format("{} of parameter '{}': expected {}, got {}{}", call, path,
                                 shape_text(), to_string(values.dtype()), sizes_text(found)));
  }
  if (values.dtype() != options.dtype && !values.is_weak()) {
    throw DTypeError(
        fmt::format("{} of parameter '{}': expected {}, got {}{}; convert with cast(values, "
                    "DType::{})",
                    call, path, shape_text(), to_string(values.dtype()), sizes_text(found),
                    options.dtype == DType::boolean ? "boolean" : to_string(options.dtype)));
  }
}

// Calls that need the first values of one of them wait meanwhile, so that its sizes stay as they
// are; but a thread that makes first values, or a program, itself waits for nobody.
ParameterState::Writing::Writing(std::vector<ParameterState*> parameters) {
  std::sort(parameters.begin(), parameters.end());  // in one order, whoever waits
  parameters.erase(std::unique(parameters.begin(), parameters.end()), parameters.end());
  first_.reserve(parameters.size());
  for (ParameterState* parameter : parameters) {
    std::unique_lock lock(parameter->mutex);
    const auto free = [parameter] { return !parameter->being_made || parameter->ready.load(); };
    if (!support::Making::waited_for()) parameter->made.wait(lock, free);
    if (parameter->ready.load(std::memory_order_relaxed) || parameter->being_made) continue;
    parameter->being_made = true;
    first_.push_back(parameter);
  }
}

ParameterState::Writing::~Writing() {
  release();
}

void ParameterState::Writing::release() {
  for (ParameterState* parameter : std::exchange(first_, {})) {
    const std::lock_guard lock(parameter->mutex);
    parameter->being_made = false;
    parameter->made.notify_all();
  }
}

void ParameterState::Writing::write(ParameterState& parameter, const Tensor& values,
                                    const char* call) {
  const TracePause pause;
  {
    const std::lock_guard lock(parameter.mutex);
    parameter.check_fits(values, call);
  }
  const Tensor fit = adapt(values, parameter.options.dtype, call);
  if (!parameter.ready.load(std::memory_order_acquire)) {
    fresh_.emplace_back(&parameter, fit.copy());
    return;
  }
  support::Storage& storage = *TensorAccess::impl(parameter.value)->storage;
  support::check_may_write(storage, call);
  const support::Snapshot snapshot;
  void* to = publication_.prepare(storage, false);
  if (storage.bytes() > 0) std::memcpy(to, TensorAccess::impl(fit)->data(), storage.bytes());
}

void ParameterState::Writing::commit() {
  publication_.commit();
  const TracePause pause;
  for (auto& [parameter, values] : fresh_) {
    std::unique_lock lock(parameter->mutex);
    if (!parameter->ready.load(std::memory_order_relaxed)) {
      const Shape shape = values.shape();
      parameter->adopt(std::move(values), shape.sizes());
    } else {
      lock.unlock();
      parameter->value.assign(values);
    }
  }
  release();
}

std::shared_ptr<ParameterState> ParameterState::clone() const {
  const std::lock_guard lock(mutex);
  auto copy = std::make_shared<ParameterState>();
  copy->path = path;
  copy->sizes = sizes;
  copy->options = options;
  copy->pending = pending;
  if (ready.load(std::memory_order_relaxed)) {
    const TracePause pause;
    copy->adopt(value.copy(), sizes);
  }
  return copy;
}

void ParameterAccess::add(nn::ParameterDict& dict, const std::string& path,
                          const std::shared_ptr<ParameterState>& state) {
  const auto known = std::find_if(dict.items_.begin(), dict.items_.end(),
                                  [&](const auto& item) { return item.second.state_ == state; });
  dict.index_.emplace(path, static_cast<std::size_t>(known - dict.items_.begin()));
  if (known == dict.items_.end()) dict.items_.emplace_back(path, make(state));
}

std::vector<std::vector<std::string>> ParameterAccess::aliases(const nn::ParameterDict& dict) {
  std::vector<std::vector<std::string>> aliases(dict.size());
  for (const auto& [path, index] : dict.index_) {
    if (path != dict.items_[index].first) aliases[index].push_back(path);
  }
  return aliases;
}

}  // namespace mlpjit::detail

namespace mlpjit::nn {

Parameter::Parameter(const Parameter& other)
    : state_(detail::shared_or_cloned(
          other.state_, [](const detail::ParameterState& state) { return state.clone(); })) {}

detail::ParameterState& Parameter::state() const {
  if (!state_)
    throw ParameterError("this Parameter stands for none: declare it with parameter(name, shape)");
  return *state_;
}

const std::string& Parameter::path() const {
  return state().path;
}
DType Parameter::dtype() const {
  return state().options.dtype;
}
bool Parameter::is_initialized() const {
  return state().ready.load(std::memory_order_acquire);
}

Shape Parameter::shape() const {
  detail::ParameterState& state = this->state();
  const std::lock_guard lock(state.mutex);
  if (!state.complete()) {
    throw ParameterError(
        fmt::format("parameter '{}' is {}: the sizes marked ? are inferred at the first call",
                    state.path, state.shape_text()));
  }
  return Shape(state.sizes);
}

Tensor Parameter::data() const {
  detail::ParameterState& state = this->state();
  if (state.ready.load(std::memory_order_acquire)) return state.value;
  std::vector<std::int64_t> sizes;
  {
    const std::lock_guard lock(state.mutex);
    if (!state.complete()) {
      throw ParameterError(
          fmt::format("{}parameter '{}' is {}{}: the sizes marked ? are inferred at the first call",
                      detail::path_prefix(), state.path, state.shape_text(),
                      state.pending ? "" : " and was not initialized; call initialize()"));
    }
    sizes = state.sizes;
  }
  return state.materialize(sizes);
}

Tensor Parameter::data(std::initializer_list<std::int64_t> sizes) const {
  detail::ParameterState& state = this->state();
  const std::span<const std::int64_t> wanted(sizes.begin(), sizes.size());
  if (state.ready.load(std::memory_order_acquire) && std::ranges::equal(state.sizes, wanted))
    return state.value;
  return state.materialize(wanted);
}

void Parameter::set_data(const Tensor& values) {
  detail::ParameterState& state = this->state();
  if (is_tracing()) {
    throw TraceError(fmt::format(
        "{}set_data of parameter '{}' while tracing would happen once, not at every call: do "
        "it outside, or write parameter.data().assign(values)",
        detail::path_prefix(), state.path));
  }
  detail::ParameterState::Writing writing({&state});
  writing.write(state, values, "set_data");
  writing.commit();
}

std::ostream& operator<<(std::ostream& out, const Parameter& parameter) {
  detail::ParameterState& state = parameter.state();
  const std::lock_guard lock(state.mutex);
  return out << state.path << " " << state.shape_text();
}

std::size_t ParameterDict::index_of(std::string_view path) const {
  if (const auto found = index_.find(path); found != index_.end()) return found->second;
  std::vector<std::string_view> paths;
  for (const auto& item : items_) paths.push_back(item.first);
  throw ParameterError(
      fmt::format("no parameter '{}'; there are: {}", path,
                  paths.empty() ? "none" : fmt::format("{}", fmt::join(paths, ", "))));
}

bool ParameterDict::contains(std::string_view path) const {
  return index_.find(path) != index_.end();
}

std::ostream& operator<<(std::ostream& out, const ParameterDict& parameters) {
  for (const auto& [path, parameter] : parameters) {
    detail::ParameterState& state = detail::ParameterAccess::state(parameter);
    const std::lock_guard lock(state.mutex);
    out << path << " " << state.shape_text() << "\n";
  }
  return out;
}

}  // namespace mlpjit::nn
