// What hybridize() does to the calls of a block: one CachedFunction per C++ object, made anew when
// the options change, with the structure of the tree in its key.

#include "mlpjit/mode.h"
#include "mlpjit/nn/block.h"
#include "src/nn/block_state.h"
#include "src/tensor/tensor_impl.h"
#include "src/trace/bound_call.h"

namespace mlpjit::detail {

std::optional<std::string> parameter_path(const BlockState& block, const std::string& prefix,
                                          const Tensor& tensor) {
  for (const BlockState::Member& member : block.members) {
    const std::string path = prefix + member.name;
    if (member.child) {
      if (auto found = parameter_path(*member.child, path + ".", tensor)) return found;
    } else if (member.parameter->ready.load(std::memory_order_acquire) &&
               TensorAccess::impl(member.parameter->value) == TensorAccess::impl(tensor)) {
      return path;
    }
  }
  return std::nullopt;
}

}  // namespace mlpjit::detail

namespace mlpjit::nn {

using detail::BlockState;
using detail::CachedFunction;
using detail::CompiledBody;

namespace {

// Identities and versions of all blocks of the tree, in order.
std::vector<std::uint64_t> fingerprint_of(const BlockState& block) {
  std::vector<std::uint64_t> fingerprint;
  detail::walk_blocks(block, "", [&](const std::string&, const BlockState& each) {
    fingerprint.push_back(each.id);
    fingerprint.push_back(each.version.load(std::memory_order_acquire));
  });
  return fingerprint;
}

void follow_structure(CompiledBody& compiled, const BlockState& state) {
  const std::uint64_t epoch = detail::structure_epoch().load(std::memory_order_acquire);
  if (compiled.epoch == epoch) return;
  compiled.epoch = epoch;
  std::vector<std::uint64_t> fingerprint = fingerprint_of(state);
  if (fingerprint == compiled.fingerprint) return;
  compiled.fingerprint = std::move(fingerprint);
  ++compiled.structure;
  // No later call asks for the programs of an earlier structure.
  if (compiled.function) compiled.function->clear();
}

}  // namespace

std::pair<std::shared_ptr<CachedFunction>, std::uint64_t> HybridBlock::compiled_function() {
  BlockState& state = detail::BlockAccess::state(*this);
  CompiledBody& compiled = *compiled_;
  const std::lock_guard lock(compiled.mutex);
  follow_structure(compiled, state);
  const std::uint64_t version = state.options_version.load(std::memory_order_acquire);
  if (!compiled.function || compiled.options_version != version) {
    const std::lock_guard options_lock(state.mutex);
    compiled.options_version = version;
    compiled.function = std::make_shared<CachedFunction>(
        [this](const Tensors& arguments) { return hybrid_forward_n(Ops(), arguments); },
        state.options,
        [shared = detail::BlockAccess::share(*this)](const Tensor& tensor) {
          return detail::parameter_path(*shared, "", tensor);
        },
        detail::type_of(*this));
  }
  return {compiled.function, compiled.structure};
}

bool HybridBlock::run_compiled(std::span<const Tensor> inputs, detail::Results& results) {
  // Inside a trace the body is written down as part of it.
  if (is_tracing() || detail::ShapeObserver::current() != nullptr) return false;
  const auto [function, structure] = compiled_function();
  results = function->call(inputs, structure);
  return true;
}

BoundCall HybridBlock::bind(const std::vector<TensorSpec>& inputs) {
  if (is_tracing()) throw TraceError("bind() while tracing would happen once: do it outside");
  const std::string name = detail::type_of(*this);
  const auto [function, structure] = compiled_function();
  if (function->options().threads > 1) {
    throw UserError("bind: " + name + " is hybridized for " +
                    std::to_string(function->options().threads) +
                    " threads; a bound call runs on the caller's alone: hybridize without");
  }
  const detail::CallFrame frame(*this);
  const Tensors stand_ins = detail::stand_ins(inputs, "bind of " + name);
  return detail::BoundAccess::make(function->runner(stand_ins, structure), inputs, name);
}

Explanation HybridBlock::explain() const {
  CompiledBody& compiled = *compiled_;
  std::shared_ptr<CachedFunction> function;
  {
    const std::lock_guard lock(compiled.mutex);
    function = compiled.function;
  }
  if (function) return function->explain();
  Explanation none;
  none.name = detail::type_of(*this);
  return none;
}

}  // namespace mlpjit::nn
