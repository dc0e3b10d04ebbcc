#include "src/trace/cached_function.h"
#include "lib/support/float_env.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "mlpjit/mode.h"
#include "src/graph/graph_data.h"
#include "src/graph/specialize.h"
#include "src/tensor/dispatch.h"
#include "src/trace/audit.h"
#include "src/trace/batch_template.h"
#include "src/trace/runner.h"
#include "src/trace/signature.h"

namespace mlpjit::detail {

struct CachedEntry {
  Signature signature;
  std::thread::id maker;                 // while it is being made
  std::unique_ptr<const Runner> runner;  // null until then
  // Arguments that the function also reaches through a handle of its own, and those handles.
  std::vector<std::pair<std::size_t, Tensor>> captured_arguments;
  std::vector<std::string> audit;
  double trace_ms = 0;
  std::uint64_t sequence = 0;  // of last use, under the lock
  std::uint64_t hits = 0;      // under the lock

  // What the signature alone does not say: whether arguments and captures are the same tensors as
  // in the trace. Matters only where one of them is written to, or where the trace took one for the
  // other.
  bool same_captures(const Tensors& inputs) const {
    for (const auto& [argument, tensor] : captured_arguments) {
      if (TensorAccess::impl(inputs[argument]) != TensorAccess::impl(tensor)) return false;
    }
    if (!runner->updates_tensors()) return true;
    for (const Binding& binding : runner->inputs()) {
      if (!binding.tensor.defined()) continue;
      for (const Tensor& input : inputs) {
        if (TensorAccess::impl(input) == TensorAccess::impl(binding.tensor)) return false;
      }
    }
    return true;
  }
};

using EntryPtr = std::shared_ptr<CachedEntry>;

struct CachedFunction::State {
  mutable std::mutex mutex;
  std::condition_variable made;
  std::unordered_multimap<std::uint64_t, EntryPtr> entries;
  EntryPtr last;                 // the latest used: tried first
  std::uint64_t generation = 0;  // raised by clear()
  std::uint64_t sequence = 0;
  std::uint64_t hits = 0, misses = 0, compiles = 0, evictions = 0;
  std::size_t bytes = 0;
  std::string last_miss;
  std::optional<Signature> last_signature;  // of the latest call that had a program
  std::set<std::string> warned;
  BatchTemplates templates;  // has a lock of its own
};

namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// The guards of one entry beyond its signature, for explain().
std::vector<Guard> all_guards(const CachedEntry& entry) {
  std::vector<Guard> guards = guards_of(entry.signature);
  for (const auto& [argument, tensor] : entry.captured_arguments) {
    guards.push_back({"storage of argument " + std::to_string(argument),
                      "the tensor that the function captured"});
  }
  for (const Binding& binding : entry.runner->inputs()) {
    if (!binding.tensor.defined()) continue;
    const std::size_t input = static_cast<std::size_t>(&binding - entry.runner->inputs().data());
    const ir::Input& described = entry.runner->executable().inputs()[input];
    guards.push_back({kind_name(described.kind) + " " + described.name,
                      to_string(TensorSpec{binding.tensor.dtype(), binding.tensor.shape()})});
  }
  return guards;
}

}  // namespace

// The work of one call that needs more than the latest entry.
struct CachedFunction::Key {
  CachedFunction& function;
  const Tensors& inputs;
  Signature signature;
  std::uint64_t code;
  std::optional<BatchSignature> symbolic;  // for Batch::dynamic
  bool known_but_for_size = false;         // traced already, with a symbolic batch

  Key(CachedFunction& owner, const Tensors& call, std::uint64_t structure)
      : function(owner),
        inputs(call),
        signature(signature_of(call, structure)),
        code(hash(signature)) {
    if (owner.options_.batch == Batch::dynamic) symbolic = with_symbolic_batch(signature);
    known_but_for_size = symbolic && state().templates.has(symbolic->signature);
  }

  State& state() { return *function.state_; }

  // Under the lock. An entry that fits, or one in the making that may turn out to.
  EntryPtr find() {
    EntryPtr pending;
    const auto [begin, end] = state().entries.equal_range(code);
    for (auto it = begin; it != end; ++it) {
      const EntryPtr& entry = it->second;
      if (!(entry->signature == signature)) continue;
      if (!entry->runner) {
        pending = entry;
      } else if (entry->same_captures(inputs)) {
        return entry;
      }
    }
    return pending;
  }

  // Under the lock. Why there is no program, and whether that is allowed.
  void miss() {
    State& s = state();
    std::string reason = "first call";
    if (s.last_signature) {
      reason = difference(*s.last_signature, signature);
      if (reason.empty())
        reason = "storage: arguments and captured tensors are not the same tensors as before";
      if (known_but_for_size) reason = "another batch size: " + reason;
      const std::string message = function.name_ + ": a call needs a new compile: " + reason;
      if (!known_but_for_size && function.options_.on_recompile == OnRecompile::error) {
        s.last_miss = reason;
        ++s.misses;
        throw UserError(message + " (on_recompile is error)");
      }
      if (!known_but_for_size && function.options_.on_recompile == OnRecompile::warn &&
          s.warned.insert(reason).second) {
        spdlog::warn("mlpjit: {}", message);
      }
    }
    s.last_miss = std::move(reason);
    ++s.misses;
  }

  void make(CachedEntry& entry) {
    if (!function.options_.audit && make_from_template(entry)) return;
    const auto start = std::chrono::steady_clock::now();
    Trace trace = trace_function(function.body_, specs_of(signature, inputs), function.resolver_);
    entry.trace_ms = milliseconds_since(start);
    if (function.options_.audit) audit(entry, trace);
    entry.captured_arguments = std::move(trace.captured_arguments);
    entry.runner = std::make_unique<const Runner>(*trace.graph, std::move(trace.inputs),
                                                  std::move(trace.results), function.options_);
  }

  void audit(CachedEntry& entry, const Trace& first) {
    const Trace second =
        trace_function(function.body_, specs_of(signature, inputs), function.resolver_);
    entry.audit = audit_differences(first, second);
    for (const std::string& line : entry.audit)
      spdlog::warn("mlpjit: audit of {}: {}", function.name_, line);
  }

  // Batch::dynamic: the one trace for all batch sizes, with this size filled in.
  bool make_from_template(CachedEntry& entry) {
    if (!symbolic) return false;
    const auto start = std::chrono::steady_clock::now();
    const std::shared_ptr<const BatchTemplate> base =
        state().templates.get(symbolic->signature, inputs, function.body_, function.resolver_);
    entry.trace_ms = milliseconds_since(start);
    entry.captured_arguments = base->trace.captured_arguments;
    entry.runner =
        std::make_unique<const Runner>(substitute(*base->trace.graph, {{"B", symbolic->size}}),
                                       base->trace.inputs, base->trace.results, function.options_);
    // Traced with other tensors in the place of its captures: this call needs a trace of its own.
    return entry.same_captures(inputs);
  }

  // Under the lock.
  void erase(const EntryPtr& entry) {
    const auto [begin, end] = state().entries.equal_range(hash(entry->signature));
    for (auto it = begin; it != end; ++it) {
      if (it->second != entry) continue;
      state().entries.erase(it);
      break;
    }
    if (state().last == entry) state().last.reset();
  }

  // Under the lock. The newest stays whatever its size.
  void evict(const EntryPtr& newest) {
    State& s = state();
    while (s.entries.size() > std::max<std::size_t>(function.options_.max_entries, 1) ||
           s.bytes > function.options_.max_bytes) {
      EntryPtr oldest;
      for (const auto& [code, entry] : s.entries) {
        if (entry == newest || !entry->runner) continue;
        if (!oldest || entry->sequence < oldest->sequence) oldest = entry;
      }
      if (!oldest) return;
      s.bytes -= oldest->runner->executable().bytes();
      ++s.evictions;
      erase(oldest);
    }
  }

  // Under the lock.
  void used(const EntryPtr& entry) {
    entry->sequence = ++state().sequence;
    state().last = entry;
    state().last_signature = entry->signature;
  }

  // The entry for this call; null when this very thread is making it already (a call of the
  // function from within its own trace, with tracing paused).
  EntryPtr get() {
    State& s = state();
    std::unique_lock lock(s.mutex);
    while (true) {
      const EntryPtr found = find();
      if (!found) break;
      if (found->runner) {
        ++s.hits;
        ++found->hits;
        used(found);
        return found;
      }
      if (found->maker == std::this_thread::get_id()) return nullptr;
      s.made.wait(lock);
    }
    miss();
    const auto entry = std::make_shared<CachedEntry>();
    entry->signature = signature;
    entry->maker = std::this_thread::get_id();
    s.entries.emplace(code, entry);
    const std::uint64_t generation = s.generation;
    lock.unlock();
    CachedEntry result;
    try {
      make(result);
    } catch (...) {
      lock.lock();
      erase(entry);  // the next call tries again
      s.made.notify_all();
      throw;
    }
    lock.lock();
    entry->captured_arguments = std::move(result.captured_arguments);
    entry->trace_ms = result.trace_ms;
    entry->audit = std::move(result.audit);
    entry->runner = std::move(result.runner);
    ++s.compiles;
    if (s.generation == generation) {
      s.bytes += entry->runner->executable().bytes();
      used(entry);
      evict(entry);
    } else {  // clear() meanwhile: used once, not kept
      erase(entry);
    }
    s.made.notify_all();
    return entry;
  }
};

CachedFunction::CachedFunction(Body body, HybridizeOptions options, ParameterResolver resolver,
                               std::string name)
    : options_(std::move(options)),
      body_(std::move(body)),
      resolver_(std::move(resolver)),
      name_(std::move(name)),
      state_(std::make_unique<State>()) {}

CachedFunction::~CachedFunction() = default;

Tensors CachedFunction::operator()(const Tensors& inputs, std::uint64_t structure) {
  if (Recorder::current() != nullptr) return body_(inputs);
  EntryPtr entry;
  {
    const std::lock_guard lock(state_->mutex);
    const EntryPtr& last = state_->last;
    if (last && matches(last->signature, inputs, is_training(), structure) &&
        last->same_captures(inputs)) {
      ++state_->hits;
      ++last->hits;
      last->sequence = ++state_->sequence;
      entry = last;
    }
  }
  if (!entry) {
    // Compiling, and the hash tables of the way there, calculate with floats; the host may have
    // traps unmasked.
    const support::FloatEnvScope environment;
    for (const Tensor& input : inputs) require_readable(impl_of(input, "call"), "call");
    entry = Key(*this, inputs, structure).get();
    if (!entry) return body_(inputs);
  }
  return (*entry->runner)(inputs);
}

void CachedFunction::clear() {
  state_->templates.clear();
  const std::lock_guard lock(state_->mutex);
  State& s = *state_;
  std::erase_if(s.entries, [](const auto& item) { return item.second->runner != nullptr; });
  s.last.reset();
  s.bytes = 0;
  s.last_signature.reset();
  ++s.generation;
}

Explanation CachedFunction::explain() const {
  const std::lock_guard lock(state_->mutex);
  const State& s = *state_;
  Explanation explanation;
  explanation.name = name_;
  explanation.hits = s.hits;
  explanation.misses = s.misses;
  explanation.compiles = s.compiles;
  explanation.evictions = s.evictions;
  explanation.bytes = s.bytes;
  explanation.last_miss = s.last_miss;
  std::vector<EntryPtr> entries;
  for (const auto& [code, entry] : s.entries) {
    if (entry->runner) entries.push_back(entry);
  }
  std::sort(entries.begin(), entries.end(),
            [](const EntryPtr& a, const EntryPtr& b) { return a->sequence > b->sequence; });
  explanation.entries = entries.size();
  for (const EntryPtr& entry : entries) {
    SignatureSummary summary = entry->runner->summary(entry->trace_ms);
    summary.name = to_string(entry->signature);
    summary.hits = entry->hits;
    summary.audit = entry->audit;
    summary.guards = all_guards(*entry);
    explanation.signatures.push_back(std::move(summary));
  }
  return explanation;
}

}  // namespace mlpjit::detail
