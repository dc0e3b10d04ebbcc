#include "src/hybrid/cached_function.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>

#include "lib/runtime/cache.h"
#include "lib/runtime/explain.h"
#include "lib/support/float_env.h"
#include "lib/support/snapshot.h"
#include "lib/support/unanswered.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "src/core/log.h"
#include "src/ops/dispatch.h"
#include "src/program/audit.h"
#include "src/program/batch_template.h"
#include "src/program/program.h"

namespace mlpjit::detail {

namespace {

struct ProgramKey {
  Signature signature;
  runtime::BuildKey build;
  friend bool operator==(const ProgramKey&, const ProgramKey&) = default;
};

constexpr const char* kSizeText =
    "text was made of a size that is a symbol (to_string or << of a shape): it says B at every "
    "call. Ways out: Batch::exact, or text that has no batch size";

// Calls that differ in the batch size only.
struct BatchFamily {
  Signature signature;           // with the symbol
  std::set<std::int64_t> sizes;  // that have programs of their own
  std::string refusal;           // why one program cannot serve all; "": it can, as far as known
  bool misread = false;  // the sizes were equal by chance: another reading of them has a program
};

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

struct CachedFunction::State {
  explicit State(const HybridizeOptions& options)
      : build(runtime::build_key(settings_of(options))),
        programs(
            {options.max_entries, options.max_bytes},
            [](const ProgramKey& key) {
              return detail::hash(key.signature) ^ runtime::hash(key.build);
            },
            options.on_recompile != OnRecompile::allow),
        templates({options.max_entries, options.max_bytes},
                  [](const Signature& signature) { return detail::hash(signature); }) {}

  const runtime::BuildKey build;
  runtime::Cache<ProgramKey, Program> programs;
  BatchTemplates templates;
  std::mutex mutex;  // guards the rest
  std::vector<BatchFamily> families;
  std::optional<Signature> dropped;  // of the latest program when all were forgotten
  std::string last_miss;
  std::uint64_t failures = 0;
  std::string last_failure;
  std::set<std::string> warned;
  std::set<std::string> lost;  // captures that the function lost before
};

// One call that needs more than the latest program.
struct CachedFunction::Call {
  using Keys = runtime::Cache<ProgramKey, Program>::Keys;

  CachedFunction& function;
  const std::span<const Tensor> inputs;
  const Signature called;
  const std::vector<BatchSignature> readings;  // of its sizes
  Signature signature;  // of its program: with the symbol, where that is for all batch sizes
  std::shared_ptr<const BatchTemplate> symbolic = {};  // its trace
  std::exception_ptr failed = {};                      // what ended that trace, and this call
  bool escaped = false;                                // a trace assigned a C++ variable
  std::shared_ptr<const Program> found = {};           // where it is there already
  std::string lost = {};  // what the function lost that a program for this call captured
  std::string warning;
  bool made = false;  // by this call, and so audited already

  Call(CachedFunction& owner, std::span<const Tensor> arguments, std::uint64_t structure)
      : function(owner),
        inputs(arguments),
        called(signature_of(arguments, structure)),
        readings(with_symbolic_batch(called)),
        signature(called) {}

  // Under the lock.
  BatchFamily& family(const BatchSignature& batch) {
    for (BatchFamily& known : state().families) {
      if (known.signature == batch.signature) return known;
    }
    if (state().families.size() > function.options_.max_entries)
      state().families.erase(state().families.begin());
    return state().families.emplace_back(BatchFamily{batch.signature, {}, {}});
  }

  // Whether this call, so read, is to have the program for all batch sizes.
  bool wants_symbol(const BatchSignature& batch) {
    const int after = function.options_.dynamic_batch_after;
    const std::lock_guard lock(state().mutex);
    const BatchFamily& mine = family(batch);
    if (!mine.refusal.empty()) return false;
    if (function.options_.batch == Batch::dynamic) return true;
    return after > 0 && mine.sizes.size() >= static_cast<std::size_t>(after) &&
           !mine.sizes.contains(batch.size);
  }

  // This batch size has a program of its own.
  void count_size() {
    const int after = function.options_.dynamic_batch_after;
    if (after <= 0 || function.options_.batch == Batch::dynamic) return;
    const std::lock_guard lock(state().mutex);
    for (const BatchSignature& batch : readings) {
      BatchFamily& mine = family(batch);
      if (mine.sizes.size() < static_cast<std::size_t>(after)) mine.sizes.insert(batch.size);
    }
  }

  bool fits(const Program& program) {
    if (!program.same_captures(inputs)) return false;
    const Binding* gone = program.lost_capture();
    if (gone == nullptr) return true;
    lost = program.described(*gone);
    return false;
  }

  // The first reading of the sizes that has a program for all of them, or a trace. The readings
  // before it took sizes for one that only happened to be equal.
  void take_symbol() {
    bool number_asked = false;  // of a size: the reading with the fewest symbols is left
    for (const BatchSignature& batch : readings) {
      if (number_asked && &batch != &readings.back()) continue;
      if (!wants_symbol(batch)) continue;
      number_asked = !take_symbol(batch);
      if (failed) return;
      if (!found && !symbolic) continue;
      const std::lock_guard lock(state().mutex);
      for (const BatchSignature* other = readings.data(); other != &batch; ++other)
        family(*other).misread = true;
      return;
    }
  }

  // The program for all batch sizes, or its trace. Where tracing with the symbol fails, sizes stay
  // exact, and explain() says why. Who asked for Batch::dynamic gets the error, from make(), but
  // for shapes that only one size fits; and so does everybody where a C++ variable was assigned.
  // What else a trace throws (no memory, an exception of the function's) ends this call and says
  // nothing about later ones. False where a symbol was used as a number.
  bool take_symbol(const BatchSignature& batch) {
    const Signature& symbol = batch.signature;
    found = state().programs.find({symbol, state().build},
                                  [this](const Program& program) { return fits(program); });
    if (found) return true;
    if (function.options_.on_recompile == OnRecompile::error) {  // refused before the work
      state().programs.ask({symbol, state().build},
                           [this](const Keys& keys, bool evicted) { miss(keys, evicted); });
    }
    const bool last = &batch == &readings.back();
    const bool asked = function.options_.batch == Batch::dynamic && last;
    const std::uint64_t unanswered = support::unanswered();
    std::string refusal;
    bool number_asked = false;
    try {
      symbolic = state().templates.get(
          symbol, [](const BatchTemplate& known) { return !lost_any(known.traced.trace); },
          [](const BatchTemplates::Keys&, bool) {},
          [&] {
            drop_lost();
            const auto start = std::chrono::steady_clock::now();
            CheckedTrace made = traced(symbol);
            return std::make_shared<const BatchTemplate>(
                BatchTemplate{std::move(made), milliseconds_since(start)});
          });
      if (!symbolic) return true;
      refusal = runtime::symbolic_obstacle(symbolic->traced.trace.graph->main()).value_or("");
      if (refusal.empty() && symbolic->traced.trace.has_size_text &&
          function.options_.batch != Batch::dynamic) {
        refusal = kSizeText;
      }
    } catch (const std::exception& error) {
      // An exception of the function's that a size without a number led to is of this trace only.
      const bool shape = dynamic_cast<const ShapeError*>(&error) != nullptr;
      const bool of_trace =
          dynamic_cast<const TraceError*>(&error) != nullptr || support::unanswered() != unanswered;
      number_asked = of_trace;
      if (!escaped && (shape || (of_trace && !asked)))
        refusal = error.what();
      else if (asked && !escaped && support::unanswered() != unanswered)
        failed = with_reading(error);
      else
        failed = std::current_exception();
    } catch (...) {
      failed = std::current_exception();
    }
    if (refusal.empty()) {
      signature = symbol;
      return true;
    }
    symbolic.reset();
    const std::lock_guard lock(state().mutex);
    family(batch).refusal = std::move(refusal);
    return !number_asked;
  }

  // A symbol was used as a number: says which size Batch::dynamic made one.
  std::exception_ptr with_reading(const std::exception& error) const {
    if (dynamic_cast<const TraceError*>(&error) == nullptr) return std::current_exception();
    std::size_t i = 0;
    while (inputs[i].rank() == 0) ++i;
    const Shape& shape = inputs[i].shape();
    std::string text = std::string(error.what()) + ". Batch::dynamic takes axis 0 of argument " +
                       std::to_string(i) + ", " + to_string(shape) + ", for the batch size B";
    if (shape.rank() == 1) text += "; one row is [1, " + to_string(shape[0]) + "]";
    return std::make_exception_ptr(TraceError(text));
  }

  // Programs and traces with tensors that the function lost.
  void drop_lost() {
    state().programs.drop([](const Program& program) { return program.lost_capture() != nullptr; });
    state().templates.drop([](const BatchTemplate& known) { return lost_any(known.traced.trace); });
  }

  State& state() { return *function.state_; }

  // The signature that this call fails the fewest guards of, the latest of equals; null when there
  // are none.
  const Signature* nearest(const Keys& keys) const {
    const Signature* best = nullptr;
    std::size_t fewest = SIZE_MAX;
    for (const ProgramKey* key : keys) {
      const std::size_t failed = failed_guards(key->signature, called).size();
      if (failed < fewest) best = &key->signature;
      fewest = std::min(fewest, failed);
    }
    return best;
  }

  // Why this call finds no program, though one for `before` was there.
  std::string reason_after(const Signature& before, bool there, bool evicted) const {
    const std::vector<std::string> guards = failed_guards(before, called);
    if (!guards.empty()) return guards.front();
    if (!lost.empty()) {
      return lost +
             ": the function does not hold the tensor that it was traced with any more: its "
             "variable was assigned another one";
    }
    if (evicted) return {};
    return there ? "storage: arguments and captured tensors are not the same tensors as before"
                 : "the programs were cleared";
  }

  // Why there is no program for this call, and whether that is allowed. Under the lock of the
  // programs: a warning is given by make().
  void miss(const Keys& keys, bool evicted) {
    const HybridizeOptions& options = function.options_;
    const std::lock_guard lock(state().mutex);
    const Signature* before = nearest(keys);
    if (before == nullptr && state().dropped) before = &*state().dropped;
    std::string reason = "first call";
    if (before != nullptr) reason = reason_after(*before, !keys.empty(), evicted);
    const std::string guard = reason;
    if (evicted) {
      reason += (reason.empty() ? "" : "; ") + std::string("its program made room for others") +
                " (max_entries is " + std::to_string(options.max_entries) + ", max_bytes " +
                std::to_string(options.max_bytes) + ")";
    }
    state().last_miss = reason;
    // Clearing asks for new programs, changing the block does not.
    const bool asked_for =
        before == nullptr || (keys.empty() && before->structure == signature.structure);
    if (asked_for) return;
    const bool again = !lost.empty() && !state().lost.insert(lost).second;
    if (options.on_recompile == OnRecompile::allow) {
      if (again && state().warned.insert("again " + lost).second)
        warning =
            path_prefix() + function.name_ + ": " + reason +
            ", again: each time the function "
            "is traced and compiled anew. Write variable.assign(value), which changes what the "
            "tensor holds and is seen at the next call";
      return;
    }
    const std::string message =
        path_prefix() + function.name_ + ": a call needs a new compile: " + reason;
    if (options.on_recompile == OnRecompile::error)
      throw UserError(message + " (on_recompile is error)");
    if (state().warned.insert(guard).second) warning = message;
  }

  CheckedTrace traced(const Signature& wanted) {
    return trace_checked(function.body_, specs_of(wanted, inputs), function.resolver_,
                         function.options_.audit, function.name_, escaped);
  }

  std::shared_ptr<const Program> make() {
    made = true;
    if (failed) std::rethrow_exception(failed);
    if (!warning.empty()) warn(warning);
    auto program = std::make_shared<Program>();
    if (symbolic) {
      program->trace_ms = symbolic->trace_ms;
      compile(*program, symbolic->traced);
      // Else traced with other tensors in the place of its captures: this call needs a trace of its
      // own.
      if (program->same_captures(inputs)) return program;
    }
    drop_lost();
    const auto start = std::chrono::steady_clock::now();
    const CheckedTrace own = traced(signature);
    program->trace_ms = milliseconds_since(start);
    compile(*program, own);
    return program;
  }

  void compile(Program& program, const CheckedTrace& from) const {
    program.captured_arguments = from.trace.captured_arguments;
    program.signature = signature;
    program.has_size_text = from.trace.has_size_text;
    if (program.has_size_text) warn(path_prefix() + function.name_ + ": " + kSizeText);
    for (std::size_t i = 0; i < from.trace.inputs.size(); ++i) {
      if (from.trace.inputs[i].kind == ir::InputKind::capture) program.captures.push_back(i);
    }
    program.audit = from.audit;
    program.graph = from.trace.graph;
    program.results = from.trace.results;
    program.runner = std::make_unique<const Runner>(*from.trace.graph, from.trace.inputs,
                                                    from.trace.results, function.options_);
  }

  // Null when this very thread is making it already (a call of the function from within its own
  // trace, with tracing paused).
  std::shared_ptr<const Program> program() try {
    take_symbol();
    if (found) return found;
    std::shared_ptr<const Program> own = state().programs.get(
        {signature, state().build}, [this](const Program& program) { return fits(program); },
        [this](const Keys& keys, bool evicted) { miss(keys, evicted); }, [this] { return make(); });
    if (own && !symbolic) count_size();
    return own;
  } catch (const std::exception& error) {
    const std::lock_guard lock(state().mutex);
    ++state().failures;
    state().last_failure = error.what();
    throw;
  }
};

CachedFunction::CachedFunction(Body body, HybridizeOptions options, ParameterResolver resolver,
                               std::string name)
    : options_(options),
      body_(std::move(body)),
      resolver_(std::move(resolver)),
      name_(std::move(name)),
      state_(std::make_unique<State>(options_)) {
  check_options(options_);
}

CachedFunction::~CachedFunction() = default;

Results CachedFunction::call(std::span<const Tensor> inputs, std::uint64_t structure) {
  const auto imperative = [&] {
    const support::Snapshot weights;
    return Results{{}, body_(Tensors(inputs.begin(), inputs.end()))};
  };
  if (Recorder::current() != nullptr) return imperative();
  if (Results results; call_latest(inputs, structure, results)) return results;
  const bool training = is_training();
  std::shared_ptr<const Program> program =
      state_->programs.latest([&](const ProgramKey& key, const Program& latest) {
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
    if (call.made) return (*program->runner)(inputs);
  }
  if (program->audit) {
    const support::FloatEnvScope environment;
    program->audit->compare(body_, specs_of(program->signature, inputs), resolver_,
                            "a later trace");
  }
  return (*program->runner)(inputs);
}

// Those that update tensors lock first, and then read: without a snapshot around the locks.
bool CachedFunction::call_latest(std::span<const Tensor> inputs, std::uint64_t structure,
                                 Results& results) {
  const support::Snapshot snapshot;  // the program is there to its end
  const bool training = is_training();
  const Program* program =
      state_->programs.glance([&](const ProgramKey& key, const Program& latest) {
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
  const std::shared_ptr<const Program> program = call.program();
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
        std::all_of(program->results.begin(), program->results.end(),
                    [](const ResultSource& result) { return result.weak == WeakKind::none; });
    // A tensor that was captured may have another in its place by now: that a trace tells.
    if (!(key.signature == wanted) || !definite || !program->captured_arguments.empty() ||
        !program->captures.empty())
      continue;
    Trace trace;
    trace.graph = program->graph;
    trace.inputs.assign(program->runner->inputs().begin(), program->runner->inputs().end());
    trace.results = program->results;
    trace.has_size_text = program->has_size_text;
    return trace;
  }
  return std::nullopt;
}

void CachedFunction::clear() {
  const auto latest = state_->programs.list();
  state_->templates.clear();
  state_->programs.clear();
  const std::lock_guard lock(state_->mutex);
  state_->families.clear();
  if (!latest.empty()) state_->dropped = latest.front().key.signature;
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
  const std::lock_guard lock(state_->mutex);
  explanation.last_miss = state_->last_miss;
  explanation.failures = state_->failures;
  explanation.last_failure = state_->last_failure;
  for (const BatchFamily& family : state_->families) {
    if (!family.refusal.empty() && !family.misread) explanation.exact_batch = family.refusal;
  }
  return explanation;
}

}  // namespace mlpjit::detail
