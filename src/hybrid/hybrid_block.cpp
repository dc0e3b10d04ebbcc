// HybridBlock, and what hybridize() does to its calls: one CachedFunction per C++ object, made anew
// when the options change, with the structure of the tree in its key.

#include <fmt/format.h>

#include "lib/support/storage.h"
#include "mlpjit/mode.h"
#include "mlpjit/nn/block.h"
#include "src/block/block_state.h"
#include "src/block/default_forward.h"
#include "src/hybrid/bound_call.h"
#include "src/hybrid/compiled_body.h"
#include "src/hybrid/variant.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

CompiledSlot::CompiledSlot() : body_(std::make_unique<CompiledBody>()) {}
CompiledSlot::CompiledSlot(const CompiledSlot&) : CompiledSlot() {}
CompiledSlot& CompiledSlot::operator=(const CompiledSlot&) {
  body_ = std::make_unique<CompiledBody>();
  return *this;
}
CompiledSlot::~CompiledSlot() = default;

}  // namespace mlpjit::detail

namespace mlpjit::nn {

using detail::BlockState;
using detail::CachedFunction;
using detail::CompiledBody;
using detail::CompiledReady;

namespace {

// As `before`, for the members of the tree as they are now.
CompiledReady following(CompiledBody& compiled, const BlockState& state,
                        const CompiledReady& before, std::uint64_t epoch) {
  CompiledReady now = before;
  now.epoch = epoch;
  std::vector<std::uint64_t> fingerprint = detail::fingerprint_of(state);
  if (fingerprint == compiled.fingerprint) return now;
  compiled.fingerprint = std::move(fingerprint);
  ++now.structure;
  // No later call asks for the programs of an earlier structure.
  if (now.function) now.function->clear();
  return now;
}

bool is_current(const CompiledReady& ready, const BlockState& state) {
  return ready.epoch == detail::structure_epoch().load(std::memory_order_acquire) &&
         ready.options_version == state.options_version.load(std::memory_order_acquire);
}

}  // namespace

namespace {
constexpr const char* kHybridForwards = "hybrid_forward nor hybrid_forward_n: override one of them";
}  // namespace

HybridBlock::HybridBlock() {
  detail::BlockAccess::state(*this).hybrid = true;
}
HybridBlock::HybridBlock(std::string type, std::string arguments)
    : Block(std::move(type), std::move(arguments)) {
  detail::BlockAccess::state(*this).hybrid = true;
}
HybridBlock::HybridBlock(HybridBlock&& other) noexcept : Block(std::move(other)) {}
HybridBlock& HybridBlock::operator=(HybridBlock&& other) noexcept {
  Block::operator=(std::move(other));
  compiled_ = detail::CompiledSlot();
  return *this;
}

Tensor HybridBlock::forward(const Tensor& input) {
  if (detail::BlockAccess::state(*this).hybridized.load(std::memory_order_acquire)) {
    detail::Results results;
    if (run_compiled({&input, 1}, results)) {
      if (results.single.defined()) return std::move(results.single);
      return detail::only(*this, std::move(results.several));
    }
  }
  const support::Snapshot weights;  // hybridize(false) may have come since the call began
  return hybrid_forward(Ops(), input);
}

Tensors HybridBlock::forward_n(const Tensors& inputs) {
  detail::Results results;
  if (detail::BlockAccess::state(*this).hybridized.load(std::memory_order_acquire) &&
      run_compiled(inputs, results))
    return std::move(results).take();
  const support::Snapshot weights;
  return hybrid_forward_n(Ops(), inputs);
}

Tensor HybridBlock::hybrid_forward(const Ops& F, const Tensor& input) {
  const detail::DefaultScope scope(*this, kHybridForwards);
  if (detail::OneInputGuess::active() && detail::type_of(*this) != "HybridLambda") {
    throw UserError(fmt::format("{}{} overrides hybrid_forward_n and may take several inputs",
                                detail::path_prefix(), detail::type_of(*this)));
  }
  return detail::only(*this, hybrid_forward_n(F, {input}));
}

Tensors HybridBlock::hybrid_forward_n(const Ops& F, const Tensors& inputs) {
  const detail::DefaultScope scope(*this, kHybridForwards);
  return {hybrid_forward(F, detail::only_input(*this, inputs, "hybrid_forward_n"))};
}

std::uint64_t HybridBlock::variant(std::span<const Tensor>) const {
  return 0;
}

std::shared_ptr<const CompiledReady> HybridBlock::compiled_function() {
  BlockState& state = detail::BlockAccess::state(*this);
  CompiledBody& compiled = *compiled_;
  std::unique_lock lock(compiled.mutex);
  if (compiled.ready && is_current(*compiled.ready, state)) return compiled.ready;
  const std::uint64_t epoch = detail::structure_epoch().load(std::memory_order_acquire);
  auto now = std::make_shared<CompiledReady>(
      following(compiled, state, compiled.ready ? *compiled.ready : CompiledReady{}, epoch));
  const std::uint64_t version = state.options_version.load(std::memory_order_acquire);
  if (!now->function || now->options_version != version) {
    const std::lock_guard options_lock(state.mutex);
    now->options_version = version;
    now->function = std::make_shared<CachedFunction>(
        [this](const Tensors& arguments) { return hybrid_forward_n(Ops(), arguments); },
        state.options,
        [shared = detail::BlockAccess::share(*this)](const Tensor& tensor) {
          return detail::parameter_path(*shared, "", tensor);
        },
        detail::type_of(*this));
  }
  const std::shared_ptr<const CompiledReady> made = std::move(now);
  std::shared_ptr<const CompiledReady> before = std::exchange(compiled.ready, made);
  compiled.glance.store(made.get(), std::memory_order_release);
  lock.unlock();
  if (before) support::retire(std::move(before));
  return made;
}

bool HybridBlock::run_compiled(std::span<const Tensor> inputs, detail::Results& results) {
  // Inside a trace the body is written down as part of it.
  if (is_tracing() || detail::ShapeObserver::wants_imperative()) return false;
  const detail::VariantScope scope(variant(inputs));
  const auto key = [](const CompiledReady& ready) {
    return detail::structure_of(ready.structure, detail::VariantScope::current());
  };
  {
    const support::Snapshot snapshot;
    const CompiledReady* ready = (*compiled_).glance.load(std::memory_order_acquire);
    if (ready != nullptr && is_current(*ready, detail::BlockAccess::state(*this)) &&
        ready->function->call_latest(inputs, key(*ready), results))
      return true;
  }
  const std::shared_ptr<const CompiledReady> ready = compiled_function();
  results = ready->function->call(inputs, key(*ready));
  return true;
}

BoundCall HybridBlock::bind(const std::vector<TensorSpec>& inputs) {
  if (is_tracing()) throw TraceError("bind() while tracing would happen once: do it outside");
  const std::string name = detail::type_of(*this);
  const std::shared_ptr<const CompiledReady> ready = compiled_function();
  CachedFunction* const function = ready->function.get();
  if (function->options().threads > 1) {
    throw UserError("bind: " + name + " is hybridized for " +
                    std::to_string(function->options().threads) +
                    " threads; a bound call runs on the caller's alone: hybridize without");
  }
  const detail::CallFrame frame(*this);
  const Tensors stand_ins = detail::stand_ins(inputs, "bind of " + name);
  return detail::BoundAccess::make(function->runner(stand_ins, ready->structure), inputs, name);
}

Explanation HybridBlock::explain() const {
  CompiledBody& compiled = *compiled_;
  std::shared_ptr<const CompiledReady> ready;
  {
    const std::lock_guard lock(compiled.mutex);
    ready = compiled.ready;
  }
  if (ready) return ready->function->explain();
  Explanation none;
  none.name = detail::type_of(*this);
  return none;
}

}  // namespace mlpjit::nn
