#include "src/hybrid/cached_function.h"

#include <algorithm>
#include <optional>

#include "lib/runtime/cache.h"
#include "lib/runtime/explain.h"
#include "lib/support/float_env.h"
#include "lib/support/snapshot.h"
#include "lib/support/unanswered.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "src/core/log.h"
#include "src/hybrid/batch_policy.h"
#include "src/hybrid/misses.h"
#include "src/hybrid/program_builder.h"
#include "src/ops/dispatch.h"

namespace mlpjit::detail {

namespace {

// A symbol was used as a number: says which size Batch::dynamic made one.
std::exception_ptr with_reading(const std::exception& error, std::span<const Tensor> inputs) {
  if (dynamic_cast<const TraceError*>(&error) == nullptr) return std::current_exception();
  std::size_t i = 0;
  while (inputs[i].rank() == 0) ++i;
  const Shape& shape = inputs[i].shape();
  std::string text = std::string(error.what()) + ". Batch::dynamic takes axis 0 of argument " +
                     std::to_string(i) + ", " + to_string(shape) + ", for the batch size B";
  if (shape.rank() == 1) text += "; one row is [1, " + to_string(shape[0]) + "]";
  return std::make_exception_ptr(TraceError(text));
}

}  // namespace

// Locks are taken in this order: that of the programs or of the traces (which trace and compile
// without it), then that of the policy or of the misses.
struct CachedFunction::State {
  struct ProgramKey {
    Signature signature;
    runtime::BuildKey build;
    friend bool operator==(const ProgramKey&, const ProgramKey&) = default;
  };
  using Programs = runtime::Cache<ProgramKey, CachedProgram>;
  using BatchTraces = runtime::Cache<Signature, CheckedTrace>;

  State(Body body, const HybridizeOptions& options, ParameterResolver resolver,
        const std::string& name)
      : build(runtime::build_key(settings_of(options))),
        builder(std::move(body), options, std::move(resolver), name),
        programs(
            {options.max_entries, options.max_bytes},
            [](const ProgramKey& key) {
              return detail::hash(key.signature) ^ runtime::hash(key.build);
            },
            options.on_recompile != OnRecompile::allow),
        batch_traces({options.max_entries, options.max_bytes},
                     [](const Signature& signature) { return detail::hash(signature); }),
        batches(options),
        misses(options, name) {}

  const runtime::BuildKey build;
  const ProgramBuilder builder;
  Programs programs;
  BatchTraces batch_traces;
  BatchPolicy batches;
  Misses misses;

  // Forgets programs and traces with tensors that the function lost.
  void drop_lost() {
    programs.drop([](const CachedProgram& program) { return program.lost_capture() != nullptr; });
    batch_traces.drop([](const CheckedTrace& known) { return lost_any(known.trace); });
  }
};

// One call that needs more than the latest program.
class CachedFunction::Call {
 public:
  Call(const CachedFunction& function, std::span<const Tensor> inputs, std::uint64_t structure)
      : options_(function.options_),
        state_(*function.state_),
        inputs_(inputs),
        called_(signature_of(inputs, structure)),
        readings_(with_symbolic_batch(called_)) {}

  // Null when this very thread is making it already (a call of the function from within its own
  // trace, with tracing paused).
  std::shared_ptr<const CachedProgram> program() try {
    const Reading reading = read_sizes();
    if (reading.program) return reading.program;
    const Signature& signature = reading.settled() ? *reading.signature : called_;
    std::string warning;
    std::shared_ptr<const CachedProgram> own = state_.programs.get(
        {signature, state_.build}, [this](const CachedProgram& program) { return fits(program); },
        [&](const State::Programs::Keys& keys, bool evicted) { warning = miss(keys, evicted); },
        [&] {
          made_ = true;
          if (reading.failed) std::rethrow_exception(reading.failed);
          if (!warning.empty()) warn(warning);
          return make(reading, signature);
        });
    if (own && !reading.trace) state_.batches.count(readings_);
    return own;
  } catch (const std::exception& error) {
    state_.misses.failed(error.what());
    throw;
  }

  // By this call, and so audited already.
  bool made() const { return made_; }

 private:
  // What came of taking a size for the batch size. At most one of the last three.
  struct Reading {
    const Signature* signature = nullptr;               // with the symbol
    bool number_asked = false;                          // a symbol was used as a number
    std::shared_ptr<const CachedProgram> program = {};  // there already
    std::shared_ptr<const CheckedTrace> trace = {};     // to be compiled
    std::exception_ptr failed = {};                     // what ended the trace, and this call
    bool settled() const { return program || trace || failed; }
  };

  bool fits(const CachedProgram& program) {
    if (!program.same_captures(inputs_)) return false;
    const Binding* gone = program.lost_capture();
    if (gone == nullptr) return true;
    lost_ = program.described(*gone);
    return false;
  }

  std::string miss(const State::Programs::Keys& keys, bool evicted) {
    std::vector<const Signature*> known;
    for (const State::ProgramKey* key : keys) known.push_back(&key->signature);
    return state_.misses.note({called_, lost_, evicted}, known);
  }

  // The first reading of the sizes that has a program for all of them, or a trace. The readings
  // before it took sizes for one that only happened to be equal.
  Reading read_sizes() {
    bool number_asked = false;  // of a size: the reading with the fewest symbols is left
    for (const BatchSignature& batch : readings_) {
      if (number_asked && &batch != &readings_.back()) continue;
      if (!state_.batches.wants_symbol(batch)) continue;
      Reading reading = read(batch);
      number_asked = reading.number_asked;
      if (!reading.settled()) continue;
      if (!reading.failed) state_.batches.misread({readings_.data(), &batch});
      return reading;
    }
    return {};
  }

  // The program for all batch sizes, or its trace.
  Reading read(const BatchSignature& batch) {
    Reading reading{&batch.signature};
    reading.program =
        state_.programs.find({batch.signature, state_.build},
                             [this](const CachedProgram& program) { return fits(program); });
    if (reading.program) return reading;
    if (options_.on_recompile == OnRecompile::error) {  // refused before the work
      state_.programs.ask(
          {batch.signature, state_.build},
          [this](const State::Programs::Keys& keys, bool evicted) { miss(keys, evicted); });
    }
    std::string refusal;
    try {
      reading.trace = trace_for_all(batch.signature);
      if (reading.trace) refusal = obstacle(reading.trace->trace);
    } catch (...) {
      refusal = failure_of(batch, reading);
    }
    if (refusal.empty()) return reading;
    reading.trace.reset();
    state_.batches.refuse(batch, std::move(refusal));
    return reading;
  }

  std::shared_ptr<const CheckedTrace> trace_for_all(const Signature& symbol) {
    unanswered_ = support::unanswered();
    return state_.batch_traces.get(
        symbol, [](const CheckedTrace& known) { return !lost_any(known.trace); },
        [](const State::BatchTraces::Keys&, bool) {},
        [&] {
          state_.drop_lost();
          return std::make_shared<const CheckedTrace>(
              state_.builder.trace(symbol, inputs_, escaped_));
        });
  }

  // Why one program of that trace cannot serve all sizes; "": it can.
  std::string obstacle(const Trace& trace) const {
    std::string why = runtime::symbolic_obstacle(trace.graph->main()).value_or("");
    if (why.empty() && trace.has_size_text && options_.batch != Batch::dynamic) why = kSizeText;
    return why;
  }

  // The exception in flight, of a trace with the symbol. Sizes stay exact, and explain() says why.
  // Who asked for Batch::dynamic gets the error, when the program is made, but for shapes that only
  // one size fits; and so does everybody where a C++ variable was assigned. What else a trace
  // throws (no memory, an exception of the function's) ends this call and says nothing about later
  // ones.
  std::string failure_of(const BatchSignature& batch, Reading& reading) const {
    const bool asked = options_.batch == Batch::dynamic && &batch == &readings_.back();
    try {
      throw;
    } catch (const std::exception& error) {
      // An exception of the function's that a size without a number led to is of this trace only.
      const bool size_asked = support::unanswered() != unanswered_;
      const bool shape = dynamic_cast<const ShapeError*>(&error) != nullptr;
      const bool of_trace = dynamic_cast<const TraceError*>(&error) != nullptr || size_asked;
      if (!escaped_ && (shape || (of_trace && !asked))) {
        reading.number_asked = of_trace;
        return error.what();
      }
      reading.failed = asked && !escaped_ && size_asked ? with_reading(error, inputs_)
                                                        : std::current_exception();
    } catch (...) {
      reading.failed = std::current_exception();
    }
    return {};
  }

  std::shared_ptr<const CachedProgram> make(const Reading& reading, const Signature& signature) {
    if (reading.trace) {
      std::shared_ptr<const CachedProgram> program =
          state_.builder.compile(*reading.trace, signature);
      // Else traced with other tensors in the place of its captures: this call needs a trace of its
      // own.
      if (program->same_captures(inputs_)) return program;
    }
    state_.drop_lost();
    return state_.builder.compile(state_.builder.trace(signature, inputs_, escaped_), signature);
  }

  const HybridizeOptions& options_;
  State& state_;
  const std::span<const Tensor> inputs_;
  const Signature called_;
  const std::vector<BatchSignature> readings_;  // of its sizes
  std::string lost_;              // what the function lost that a program for this call captured
  std::uint64_t unanswered_ = 0;  // when the last trace began
  bool escaped_ = false;          // a trace assigned a C++ variable
  bool made_ = false;
};

CachedFunction::CachedFunction(Body body, HybridizeOptions options, ParameterResolver resolver,
                               std::string name)
    : options_(options),
      name_(std::move(name)),
      state_(std::make_unique<State>(std::move(body), options_, std::move(resolver), name_)) {
  check_options(options_);
}

CachedFunction::~CachedFunction() = default;

Results CachedFunction::call(std::span<const Tensor> inputs, std::uint64_t structure) {
  const auto imperative = [&] {
    const support::Snapshot weights;
    return Results{{}, state_->builder.run(inputs)};
  };
  if (Recorder::current() != nullptr) return imperative();
  if (Results results; call_latest(inputs, structure, results)) return results;
  const bool training = is_training();
  std::shared_ptr<const CachedProgram> program =
      state_->programs.latest([&](const State::ProgramKey& key, const CachedProgram& latest) {
        return latest.serves(key.signature, inputs, training, structure);
      });
  if (!program) {
    // Compiling, and the hash tables of the way there, calculate with floats; the host may have
    // traps unmasked.
    const support::FloatEnvScope environment;
    for (const Tensor& input : inputs) require_readable(impl_of(input, "call"), "call");
    Call call(*this, inputs, structure);
    program = call.program();
    if (!program) return imperative();
    if (call.made()) return (*program->runner)(inputs);
  }
  if (program->audit) {
    const support::FloatEnvScope environment;
    state_->builder.audit(*program, inputs);
  }
  return (*program->runner)(inputs);
}

// Those that update tensors lock first, and then read: without a snapshot around the locks.
bool CachedFunction::call_latest(std::span<const Tensor> inputs, std::uint64_t structure,
                                 Results& results) {
  const support::Snapshot snapshot;  // the program is there to its end
  const bool training = is_training();
  const CachedProgram* program =
      state_->programs.glance([&](const State::ProgramKey& key, const CachedProgram& latest) {
        return !latest.audit && !latest.runner->updates_tensors() &&
               latest.serves(key.signature, inputs, training, structure);
      });
  if (program == nullptr) return false;
  results = (*program->runner)(inputs);
  return true;
}

std::shared_ptr<const Runner> CachedFunction::runner(std::span<const Tensor> inputs,
                                                     std::uint64_t structure) {
  const support::FloatEnvScope environment;
  Call call(*this, inputs, structure);
  const std::shared_ptr<const CachedProgram> program = call.program();
  if (!program) throw UserError(name_ + ": its program is asked for while it is being made");
  return {program, program->runner.get()};
}

std::optional<Trace> CachedFunction::trace_at_hand(std::span<const TensorSpec> arguments,
                                                   bool training, std::uint64_t structure) const {
  Signature wanted;
  wanted.training = training;
  wanted.structure = structure;
  for (const TensorSpec& spec : arguments)
    wanted.arguments.push_back({.dtype = spec.dtype, .shape = spec.shape});
  for (const auto& [key, program, hits] : state_->programs.list()) {
    const bool definite =
        std::all_of(program->runner->results().begin(), program->runner->results().end(),
                    [](const ResultSource& result) { return result.weak == WeakKind::none; });
    // A tensor that was captured may have another in its place by now: that a trace tells.
    if (!(key.signature == wanted) || !definite || !program->captured_arguments.empty() ||
        !program->captures.empty())
      continue;
    Trace trace;
    static_cast<Closure&>(trace) = program->runner->closure();
    trace.has_size_text = program->has_size_text;
    return trace;
  }
  return std::nullopt;
}

void CachedFunction::clear() {
  const auto latest = state_->programs.list();
  state_->batch_traces.clear();
  state_->programs.clear();
  state_->batches.clear();
  if (!latest.empty()) state_->misses.forget(latest.front().key.signature);
}

Explanation CachedFunction::explain() const {
  Explanation explanation;
  explanation.name = name_;
  runtime::tell(state_->programs.stats(), explanation);
  for (const auto& [key, program, hits] : state_->programs.list()) {
    SignatureSummary summary = program->runner->summary(program->trace_ms);
    summary.name = to_string(key.signature);
    summary.hits = hits;
    if (program->audit) summary.audit = program->audit->lines();
    if (program->has_size_text) summary.audit.push_back(kSizeText);
    summary.guards = all_guards(key.signature, *program);
    explanation.signatures.push_back(std::move(summary));
  }
  const Misses::Report misses = state_->misses.report();
  explanation.last_miss = misses.last_miss;
  explanation.failures = misses.failures;
  explanation.last_failure = misses.last_failure;
  explanation.exact_batch = state_->batches.refusal();
  return explanation;
}

}  // namespace mlpjit::detail
