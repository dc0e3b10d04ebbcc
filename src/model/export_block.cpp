// HybridBlock::graph and export_model: what a network is traced with, and how.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "lib/support/file.h"
#include "lib/support/float_env.h"
#include "lib/support/snapshot.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "mlpjit/nn/symbol_block.h"
#include "src/block/block_state.h"
#include "src/core/log.h"
#include "src/hybrid/compiled_body.h"
#include "src/model/checks.h"
#include "src/model/export_model.h"
#include "src/model/export_onnx.h"
#include "src/model/import_file.h"
#include "src/model/symbol_program.h"
#include "src/program/audit.h"
#include "src/program/batch_readings.h"
#include "src/program/graph_data.h"
#include "src/program/trace_function.h"

namespace mlpjit::nn {

using detail::ArgumentSpec;
using detail::BlockAccess;
using detail::BlockState;

namespace {

// What the first call had.
std::optional<std::vector<TensorSpec>> called_with(const BlockState& state) {
  if (!state.called.load(std::memory_order_acquire)) return std::nullopt;
  std::vector<TensorSpec> specs;
  const std::lock_guard lock(state.mutex);
  for (const auto& [dtype, shape] : state.first_inputs) specs.push_back({dtype, shape});
  return specs;
}

// What the first Dense layer takes, in a batch of one; nothing when its sizes are not known or
// another kind of layer comes first.
std::optional<TensorSpec> first_dense(const BlockState& state) {
  std::optional<TensorSpec> spec;
  bool stop = false;
  detail::walk_blocks(state, "", [&](const std::string&, const BlockState& block) {
    if (stop || (block.type != "Dense" && block.type != "Embedding")) return;
    stop = true;
    if (block.type != "Dense") return;
    for (const BlockState::Member& member : block.members) {
      if (!member.parameter || member.name != "weight") continue;
      const std::lock_guard lock(member.parameter->mutex);
      if (member.parameter->complete())
        spec = TensorSpec{member.parameter->options.dtype, Shape{1, member.parameter->sizes[1]}};
    }
  });
  return spec;
}

// The same with a batch of any size, in the ways to read which inputs have it. Sizes that were
// equal at the first call need not be one: first as few as can be are, and the others have symbols
// of their own; then as many as can be, and the others keep their size.
std::vector<std::vector<TensorSpec>> with_symbolic_batch(const std::vector<TensorSpec>& specs) {
  std::vector<Shape> shapes;
  for (const TensorSpec& spec : specs) shapes.push_back(spec.shape);
  const std::vector<std::vector<bool>> readings = detail::batch_readings(shapes);
  std::vector<std::vector<TensorSpec>> all;
  const auto add = [&](const std::vector<bool>& reading, bool apart) {
    std::vector<TensorSpec>& read = all.emplace_back(specs);
    int others = 0;
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (reading[i]) read[i].shape.set(0, dim("B"));
      if (!reading[i] && apart && readings.front()[i])
        read[i].shape.set(0, dim("B" + std::to_string(++others)));
    }
  };
  for (auto reading = readings.rbegin(); reading != readings.rend(); ++reading) add(*reading, true);
  for (std::size_t i = 1; i < readings.size(); ++i) add(readings[i], false);
  return all;
}

std::string list(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& spec : specs) text += (text.empty() ? "" : ", ") + to_string(spec);
  return text;
}

// What graph() and export_model() have in common.
struct Request {
  std::vector<TensorSpec> inputs;
  std::vector<std::string> input_names;  // in the trace; a trace at hand has its own
  bool training = false;
  Batch batch = Batch::dynamic;
  const char* call;     // for messages: "export_model"
  const char* way_out;  // how its inputs are given
};

class BlockTracer {
 public:
  BlockTracer(const HybridBlock& block, const Request& request)
      : block_(const_cast<HybridBlock&>(block)), request_(request) {}

  detail::Trace run() {
    detail::Trace trace = traced();
    detail::check_escaped(trace, {},
                          fmt::format("{} of {}", request_.call, detail::type_of(block_)));
    return trace;
  }

 private:
  std::optional<detail::Trace> at_hand(const std::vector<TensorSpec>& specs) const;
  detail::Trace trace(const std::vector<TensorSpec>& specs, bool one_tensor);
  detail::Trace trace_any_batch(const std::vector<TensorSpec>& specs, bool one_tensor);
  detail::Trace traced();

  HybridBlock& block_;
  const Request& request_;
};

// What a program of the hybridized block was compiled from, where the tree is as it was then.
std::optional<detail::Trace> BlockTracer::at_hand(const std::vector<TensorSpec>& specs) const {
  const BlockState& state = BlockAccess::state(block_);
  if (!state.hybridized.load(std::memory_order_acquire) || !request_.input_names.empty()) return {};
  detail::CompiledBody& compiled = BlockAccess::compiled(block_);
  const std::lock_guard lock(compiled.mutex);
  const detail::CompiledReady* ready = compiled.ready.get();
  if (ready == nullptr || !ready->function || compiled.fingerprint != detail::fingerprint_of(state))
    return {};
  return ready->function->trace_at_hand(specs, request_.training, ready->structure);
}

detail::Trace BlockTracer::trace(const std::vector<TensorSpec>& specs, bool one_tensor) {
  if (std::optional<detail::Trace> known = at_hand(specs)) return std::move(*known);
  std::vector<ArgumentSpec> arguments;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    ArgumentSpec argument;
    argument.dtype = specs[i].dtype;
    argument.shape = specs[i].shape;
    if (i < request_.input_names.size()) argument.name = request_.input_names[i];
    arguments.push_back(std::move(argument));
  }
  const TrainingScope mode(request_.training);
  const detail::CallFrame frame(block_);
  return detail::trace_function(
      [&](const Tensors& inputs) {
        return detail::definite(one_tensor ? Tensors{BlockAccess::run(block_, inputs.front())}
                                           : BlockAccess::run_n(block_, inputs));
      },
      arguments,
      [shared = BlockAccess::share(block_)](const Tensor& tensor) {
        return detail::parameter_path(*shared, "", tensor);
      });
}

// With a symbolic batch size where the network allows it.
detail::Trace BlockTracer::trace_any_batch(const std::vector<TensorSpec>& specs, bool one_tensor) {
  const std::vector<std::vector<TensorSpec>> readings = with_symbolic_batch(specs);
  if (request_.batch == Batch::exact || readings.empty()) return trace(specs, one_tensor);
  std::string why;
  bool number_asked = false;  // of a size: the reading with the fewest symbols is left
  for (const std::vector<TensorSpec>& any : readings) {
    if (number_asked && &any != &readings.back()) continue;
    try {
      return trace(any, one_tensor);
    } catch (const UserError& error) {
      number_asked = dynamic_cast<const TraceError*>(&error) != nullptr;
      why = error.what();
    }
  }
  detail::Trace exact = trace(specs, one_tensor);  // throws where the batch was not the reason
  detail::warn(
      fmt::format("{}: {} depends on the size of its batch, so the program takes ({}) only: {}. "
                  "{{.batch = Batch::exact}} asks for that",
                  request_.call, detail::type_of(block_), list(specs), why));
  return exact;
}

detail::Trace BlockTracer::traced() {
  if (!request_.inputs.empty()) return trace(request_.inputs, false);
  const BlockState& state = BlockAccess::state(block_);
  if (const auto seen = called_with(state)) return trace_any_batch(*seen, false);
  const std::optional<TensorSpec> guess = first_dense(state);
  if (!guess) {
    throw UserError(
        fmt::format("{}: {} was never called, and its layers do not tell what it takes: {}",
                    request_.call, detail::type_of(block_), request_.way_out));
  }
  try {
    const detail::OneInputGuess scope;
    return trace_any_batch({*guess}, true);
  } catch (const ParameterError&) {
    throw;
  } catch (const UserError& error) {
    throw UserError(fmt::format(
        "{}: {} was never called, and does not take {} as its first Dense layer does ({}): {}",
        request_.call, detail::type_of(block_), to_string(*guess), error.what(), request_.way_out));
  }
}

void refuse_while_tracing(const char* call) {
  if (!is_tracing()) return;
  throw TraceError(
      fmt::format("{}() while tracing would happen once, not at every call: do it outside", call));
}

}  // namespace

Graph HybridBlock::graph(const std::vector<TensorSpec>& inputs, const GraphOptions& options) const {
  refuse_while_tracing("graph");
  const support::FloatEnvScope environment;
  const auto* symbol = dynamic_cast<const SymbolBlock*>(this);
  // The program as it was read.
  if (symbol != nullptr && inputs.empty()) return detail::SymbolAccess::program(*symbol).bound();
  const Request request{
      .inputs = inputs,
      .input_names = options.input_names,
      .training = options.training,
      .batch = options.batch,
      .call = "graph",
      .way_out = "call the network once, or say what it takes: graph({f32({dim(\"B\"), 512})})"};
  detail::Trace trace = BlockTracer(*this, request).run();
  detail::check_input_names("graph", trace, options.input_names);
  return detail::GraphAccess::make(std::move(trace));
}

namespace {

// What an export of `call` writes.
detail::PortableModel portable_of(const HybridBlock& block, const ExportOptions& options,
                                  const char* call, const char* way_out) {
  refuse_while_tracing(call);
  const support::FloatEnvScope environment;
  const auto* symbol = dynamic_cast<const SymbolBlock*>(&block);
  if (symbol != nullptr && options.inputs.empty()) {
    // The program as it was read: what is written is what was read.
    detail::PortableModel model = detail::SymbolAccess::program(*symbol).portable();
    if (!options.classes.empty()) model.symbol.classes = options.classes;
    if (!options.metadata.empty()) model.symbol.metadata = options.metadata;
    model.symbol.numerics_version = kNumericsVersion;
    return model;
  }
  const Request request{.inputs = options.inputs,
                        .input_names = {},  // the file's are given later
                        .training = options.training,
                        .batch = options.batch,
                        .call = call,
                        .way_out = way_out};
  const detail::Trace trace = BlockTracer(block, request).run();
  return detail::portable_model(trace, detail::names_of(block.collect_params()), options);
}

// Within a snapshot, as is what writes the model: all values are of one moment.
detail::PortableModel checked_model(const HybridBlock& block, const ExportOptions& options,
                                    const char* call, const char* way_out) {
  detail::PortableModel model = portable_of(block, options, call, way_out);
  model.symbol.checks =
      options.checks ? detail::make_checks(model, options.examples) : std::vector<detail::Check>();
  return model;
}

}  // namespace

ExportedModel HybridBlock::export_model(const std::string& prefix,
                                        const ExportOptions& options) const {
  const support::Snapshot snapshot;
  return detail::write_model(
      checked_model(*this, options, "export_model",
                    "call the network once, or say what it takes: "
                    "export_model(prefix, {.inputs = {f32({dim(\"B\"), 512})}})"),
      prefix);
}

ExportedModel HybridBlock::save(const std::string& path, const ExportOptions& options) const {
  const support::Snapshot snapshot;
  return detail::write_one_file(checked_model(*this, options, "save",
                                              "call the network once, or say what it takes: "
                                              "save(path, {.inputs = {f32({dim(\"B\"), 512})}})"),
                                path);
}

void HybridBlock::export_onnx(const std::string& path, const ExportOptions& options) const {
  const support::Snapshot snapshot;
  const detail::PortableModel model =
      portable_of(*this, options, "export_onnx",
                  "call the network once, or say what it takes: "
                  "export_onnx(path, {.inputs = {f32({dim(\"B\"), 512})}})");
  const std::string bytes = detail::write_onnx(detail::onnx_model(model));
  const std::span<const std::byte> part = std::as_bytes(std::span(bytes));
  support::write_file(path, {&part, 1});
}

}  // namespace mlpjit::nn
