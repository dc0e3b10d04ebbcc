#include "src/program/materialize.h"

#include <algorithm>
#include <cstring>

#include "lib/interp/interp.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/sizes.h"
#include "lib/passes/rewrite.h"
#include "lib/support/float_env.h"
#include "lib/support/snapshot.h"
#include "mlpjit/error.h"
#include "src/ops/dispatch.h"
#include "src/record/random_state.h"
#include "src/record/small.h"

namespace mlpjit::detail {

namespace {

// The sizes of this call in the place of symbols.
ir::Graph with_sizes_of_call(const ir::Graph& graph, std::span<const ArgumentSpec> arguments) {
  ir::Sizes sizes;
  for (const ArgumentSpec& argument : arguments) {
    if (argument.concrete.defined())
      ir::match_shape(argument.shape, argument.concrete.shape(), "argument", sizes);
  }
  return ir::substitute(graph, sizes);
}

void drop_prints(ir::Function& main) {
  passes::Substitution tokens;
  const auto keep = [&](ir::OpId id) {
    const ir::Op& op = main.op(id);
    if (op.opcode != ir::Opcode::print) return true;
    tokens.replace(op.results[0], op.operands[0]);
    return false;
  };
  passes::rewrite_function(main, keep, tokens);
}

void mark_reads(const ir::Function& main, const ir::Op& op, std::vector<bool>& needed) {
  for (const ir::ValueId operand : op.operands) needed[operand.index] = true;
  for (const ir::RegionId id : op.regions) {
    const ir::Region& region = main.region(id);
    for (const ir::OpId nested : region.ops) mark_reads(main, main.op(nested), needed);
    for (const ir::ValueId result : region.results) needed[result.index] = true;
  }
}

// Leaves what the results need, even of ops that may fail: with those the imperative run did not
// come as far, or came to them later. Says which values are needed.
std::vector<bool> prune(ir::Function& main) {
  std::vector<bool> needed(main.value_count());
  for (const ir::ValueId result : main.body().results) needed[result.index] = true;
  std::vector<ir::OpId> kept;
  std::vector<ir::OpId>& ops = main.body().ops;
  for (auto id = ops.rbegin(); id != ops.rend(); ++id) {
    const ir::Op& op = main.op(*id);
    const bool used = std::any_of(op.results.begin(), op.results.end(),
                                  [&](ir::ValueId result) { return needed[result.index]; });
    if (!used) continue;
    mark_reads(main, op, needed);
    kept.push_back(*id);
  }
  std::reverse(kept.begin(), kept.end());
  ops = std::move(kept);
  return needed;
}

// What the inputs of a graph hold now; weak scalars and the random state as copies.
class Inputs {
 public:
  Inputs(const Trace& trace, std::span<const ArgumentSpec> arguments)
      : trace_(trace), arguments_(arguments), cells_(trace.inputs.size()) {
    std::memcpy(state_, random_state(), sizeof state_);
  }

  // Throws for an argument without a tensor.
  void* data(std::size_t input, DType dtype) {
    const Binding& binding = trace_.inputs[input];
    if (binding.kind == ir::InputKind::token) return nullptr;
    if (binding.kind == ir::InputKind::state) return state_;
    const bool of_call = binding.kind == ir::InputKind::argument;
    const Tensor& tensor = of_call && binding.argument < arguments_.size()
                               ? arguments_[binding.argument].concrete
                               : binding.tensor;
    const TensorImpl& impl = impl_of(tensor, "trace");
    if (impl.weak == WeakKind::none) return impl.storage->data();
    store_weak(impl, dtype, cells_[input].bytes);
    return cells_[input].bytes;
  }

 private:
  const Trace& trace_;
  const std::span<const ArgumentSpec> arguments_;
  std::vector<Cell> cells_;
  std::int64_t state_[2];
};

// The values of these symbols; throws where one of them cannot be computed.
Tensors values_of(const Trace& trace, std::span<const ArgumentSpec> arguments,
                  std::span<const ImplPtr> symbols) {
  ir::Graph graph = with_sizes_of_call(*trace.graph, arguments);
  ir::Function& main = graph.main();
  main.updates().clear();
  main.body().results.clear();
  for (const ImplPtr& symbol : symbols) main.body().results.push_back(symbol->value);
  drop_prints(main);
  const std::vector<bool> needed = prune(main);

  Inputs tensors(trace, arguments);
  std::vector<interp::View> inputs, results;
  for (const ir::ValueId id : main.body().arguments) {
    const ir::Type& type = main.value(id).type;
    void* data = needed[id.index] ? tensors.data(inputs.size(), type.dtype) : nullptr;
    inputs.push_back({type.dtype, type.shape, data});
  }
  Tensors values;
  for (const ir::Type& type : main.types(main.body().results)) {
    values.push_back(make_tensor(type.dtype, type.shape));
    results.push_back(view_of(*TensorAccess::impl(values.back())));
  }
  interp::run(graph, main, inputs, results, support::default_isa());
  return values;
}

void become(TensorImpl& symbol, const Tensor& value) {
  const TensorImpl& strong = *TensorAccess::impl(value);
  symbol = symbol.weak == WeakKind::none
               ? strong
               : *TensorAccess::impl(make_weak(strong.dtype, strong.data()));
  symbol.trace = 0;  // an ordinary tensor, for a trace around this one too
}

// All at once, or none.
bool give_values(const Trace& trace, std::span<const ArgumentSpec> arguments,
                 std::span<const ImplPtr> symbols) try {
  const Tensors values = values_of(trace, arguments, symbols);
  for (std::size_t i = 0; i < symbols.size(); ++i) become(*symbols[i], values[i]);
  return true;
} catch (...) {
  return false;
}

// All that are still held; `held` says whether there are any.
void give_all(const Trace& trace, std::span<const ArgumentSpec> arguments, bool& held) {
  std::vector<ImplPtr> symbols;
  for (const std::weak_ptr<TensorImpl>& watched : trace.tensors) {
    const ImplPtr symbol = watched.lock();
    if (!symbol || symbol->trace == 0) continue;
    held = true;
    symbol->trace = 0;  // left over, unless it gets a value below
    if (trace.graph->main().value(symbol->value).region == ir::Function::kBody)
      symbols.push_back(symbol);
  }
  if (symbols.empty()) return;
  const support::FloatEnvScope environment;
  const support::Snapshot snapshot;
  if (give_values(trace, arguments, symbols) || symbols.size() == 1) return;
  for (const ImplPtr& symbol : symbols) give_values(trace, arguments, {&symbol, 1});
}

}  // namespace

bool materialize(const Trace& trace, std::span<const ArgumentSpec> arguments) noexcept {
  bool held = false;
  try {
    give_all(trace, arguments, held);
  } catch (...) {  // no memory: the error that ended the trace is what counts
  }
  return held;
}

}  // namespace mlpjit::detail
