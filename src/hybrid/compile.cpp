// compile() and the calls of what it gives.

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>

#include "lib/ir/sizes.h"
#include "lib/passes/passes.h"
#include "lib/runtime/cache.h"
#include "lib/runtime/explain.h"
#include "lib/support/float_env.h"
#include "lib/support/tally.h"
#include "src/core/log.h"
#include "src/ops/dispatch.h"
#include "src/program/graph_data.h"
#include "src/program/runner.h"

namespace mlpjit {

namespace detail {

struct ExecutableData {
  GraphData program;
  HybridizeOptions options;
  std::vector<std::size_t> inputs;       // of each argument of a call: its input of main
  std::vector<ir::Type> types;           // of each argument
  std::shared_ptr<const Runner> single;  // serves all calls, whatever the batch size
  mutable support::Tally calls;          // of it

  // Where that cannot be: one executable per set of sizes, and why.
  std::unique_ptr<runtime::Cache<ir::Sizes, Runner>> by_size;
  std::string exact_batch;
  std::atomic<bool> warned{false};
};

namespace {

std::string argument_name(const ExecutableData& data, std::size_t i) {
  const ir::Function& main = data.program.graph->main();
  return "argument " + std::to_string(i) + " ('" + main.inputs()[data.inputs[i]].name + "')";
}

// The sizes of the symbols; throws when the arguments do not fit.
ir::Sizes check(const ExecutableData& data, std::span<const Tensor> arguments) {
  if (arguments.size() != data.types.size()) {
    std::string expected;
    for (std::size_t i = 0; i < data.types.size(); ++i) {
      expected += (i > 0 ? ", " : "") + ir::to_string(data.types[i]);
    }
    throw UserError("the program takes " + std::to_string(data.types.size()) + " arguments (" +
                    expected + "), " + std::to_string(arguments.size()) + " were given");
  }
  ir::Sizes sizes;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const TensorImpl& impl = impl_of(arguments[i], "call");
    const ir::Type& type = data.types[i];
    const bool weak_fits = impl.weak != WeakKind::none && impl.weak <= kind_of(type.dtype);
    if (!weak_fits && impl.dtype != type.dtype) {
      throw DTypeError(argument_name(data, i) + ": expected " + ir::to_string(type) + ", got " +
                       to_string(TensorSpec{impl.dtype, impl.shape}) + "; cast it first");
    }
    if (!identical(impl.shape, type.shape))
      ir::match_shape(type.shape, impl.shape, argument_name(data, i), sizes);
  }
  return sizes;
}

std::shared_ptr<const Runner> specialised(ExecutableData& data, const ir::Sizes& sizes) {
  using Keys = runtime::Cache<ir::Sizes, Runner>::Keys;
  std::string warning;
  const auto miss = [&](const Keys& keys, bool) {
    if (keys.empty() || data.options.on_recompile == OnRecompile::allow) return;
    const std::string message = "Executable: a call needs a new compile: sizes: expected " +
                                ir::to_string(*keys.front()) + ", got " + ir::to_string(sizes) +
                                ": " + data.exact_batch + ", so each set of sizes has its own";
    if (data.options.on_recompile == OnRecompile::error)
      throw UserError(message + " (on_recompile is error)");
    warning = message;
  };
  const auto make = [&] {
    if (!warning.empty() && !data.warned.exchange(true)) warn(warning);
    return std::make_shared<const Runner>(data.program, data.options, sizes);
  };
  return data.by_size->get(sizes, [](const Runner&) { return true; }, miss, make);
}

// What only makes sense for a function that can be traced again, or for sizes that are not written
// down already.
void check_options_of_program(const ExecutableData& data) {
  if (data.options.audit) {
    throw UserError(
        "compile: audit traces a function again, and a program is no function; audit the jit() or "
        "the block that it came from");
  }
  const bool symbolic = std::any_of(data.types.begin(), data.types.end(),
                                    [](const ir::Type& type) { return !type.shape.is_static(); });
  if (data.options.batch == Batch::dynamic && !symbolic && !data.types.empty()) {
    throw UserError(
        "compile: Batch::dynamic for a program all of whose sizes are numbers: they are written in "
        "it. Write a symbol in their place, as in f32[B, 4], or trace it with dim(\"B\")");
  }
}

// Why one executable cannot serve all sizes. Calls of the program are inlined first.
std::optional<std::string> obstacle_of(const ir::Graph& graph) {
  ir::Graph copy = graph.clone();
  passes::inline_calls(copy);
  return runtime::symbolic_obstacle(copy.main());
}

std::string name_of(const ExecutableData& data, const ir::Sizes& sizes) {
  std::string name;
  for (const ir::Type& type : data.types) {
    name += (name.empty() ? "" : ", ") +
            to_string(TensorSpec{type.dtype, ir::substitute(type.shape, sizes)});
  }
  return name;
}

SignatureSummary summarise(const ExecutableData& data, const Runner& runner,
                           const ir::Sizes& sizes) {
  SignatureSummary summary = runner.summary(0);
  summary.name = name_of(data, sizes);
  for (std::size_t i = 0; i < data.types.size(); ++i) {
    const ir::Type& type = data.types[i];
    summary.guards.push_back(
        {"argument " + std::to_string(i),
         to_string(TensorSpec{type.dtype, ir::substitute(type.shape, sizes)})});
  }
  return summary;
}

}  // namespace
}  // namespace detail

Executable compile(const Graph& graph, const HybridizeOptions& options) {
  detail::check_options(options);
  const support::FloatEnvScope environment;
  auto data = std::make_shared<detail::ExecutableData>();
  data->program = detail::GraphAccess::data(graph);
  data->options = options;
  data->inputs = detail::call_inputs(data->program);
  const ir::Function& main = data->program.graph->main();
  for (const std::size_t input : data->inputs)
    data->types.push_back(main.value(main.body().arguments[input]).type);
  detail::check_options_of_program(*data);
  if (std::optional<std::string> obstacle = detail::obstacle_of(*data->program.graph)) {
    data->exact_batch = std::move(*obstacle);
    const runtime::CacheBounds bounds{options.max_entries, options.max_bytes};
    data->by_size = std::make_unique<runtime::Cache<ir::Sizes, detail::Runner>>(
        bounds, ir::hash, options.on_recompile != OnRecompile::allow);
  } else {
    data->single = std::make_shared<const detail::Runner>(data->program, options);
  }
  Executable executable;
  executable.data_ = std::move(data);
  return executable;
}

detail::ExecutableData& Executable::data() const {
  if (data_) return *data_;
  throw UserError("this Executable was moved from and stands for no program");
}

Tensors Executable::call(std::span<const Tensor> arguments) const {
  detail::ExecutableData& data = this->data();
  if (detail::Recorder* recorder = detail::Recorder::current()) {
    if (arguments.size() != data.types.size()) detail::check(data, arguments);  // throws
    return detail::inline_graph(*recorder, data.program,
                                Tensors(arguments.begin(), arguments.end()));
  }
  const ir::Sizes sizes = detail::check(data, arguments);
  for (const Tensor& argument : arguments) {
    detail::require_readable(*detail::TensorAccess::impl(argument), "call");
  }
  if (data.single) {
    data.calls.add();
    return (*data.single)(arguments).take();
  }
  const std::shared_ptr<const detail::Runner> runner = detail::specialised(data, sizes);
  return (*runner)(arguments).take();
}

Explanation Executable::explain() const {
  const detail::ExecutableData& data = this->data();
  Explanation explanation;
  explanation.name = "main";
  if (data.single) {
    explanation.compiles = explanation.entries = 1;
    explanation.bytes = data.single->bytes();
    explanation.signatures.push_back(detail::summarise(data, *data.single, {}));
    explanation.hits = explanation.signatures.back().hits = data.calls.total();
    return explanation;
  }
  runtime::tell(data.by_size->stats(), explanation);
  explanation.exact_batch = data.exact_batch;
  for (const auto& [sizes, runner, hits] : data.by_size->list()) {
    explanation.signatures.push_back(detail::summarise(data, *runner, sizes));
    explanation.signatures.back().hits = hits;
  }
  return explanation;
}

}  // namespace mlpjit
