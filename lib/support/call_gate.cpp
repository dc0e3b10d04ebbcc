#include "lib/support/call_gate.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace mlpjit::support {

namespace {

// The weights of the gates that this thread is in; a writer is in one more, as a program.
constinit thread_local int passed_weight = 0;
constinit thread_local int writes = 0;  // WriteScopes of this thread

// How long gates stay closed while one of them does not become empty. A network's code may wait for
// calls that find a gate closed; then all are opened, for those to pass, and closed again.
constexpr std::chrono::milliseconds kFirstPatience{50}, kLongestPatience{1000}, kPause{2};

}  // namespace

// Who reads each storage, and who writes to it. Owns the gates, so that who writes later comes
// after the last call through a gate whose program is gone. The mutex is held for moments only,
// never while something is written or waited for.
struct GateRegistry {
  struct Entry {
    std::vector<std::shared_ptr<CallGate>> gates;
    bool written = false;  // by a WriteScope
  };
  std::mutex mutex;
  std::condition_variable changed;  // a closing gate was left, or a WriteScope ended
  std::unordered_map<std::uint64_t, Entry> storages;  // by Storage::id
  std::uint64_t last_ticket = 0;
  std::size_t prune_at = 64;

  static bool gone(const std::shared_ptr<CallGate>& gate) {
    return gate->retired_.load(std::memory_order_acquire);
  }

  // Programs come and go.
  void prune() {
    if (storages.size() < prune_at) return;
    for (auto it = storages.begin(); it != storages.end();) {
      std::erase_if(it->second.gates, gone);
      const bool unused = it->second.gates.empty() && !it->second.written;
      it = unused ? storages.erase(it) : std::next(it);
    }
    prune_at = std::max<std::size_t>(64, 2 * storages.size());
  }

  void wake() {
    std::unique_lock lock(mutex);  // not between a look at the gates and the wait
    lock.unlock();
    changed.notify_all();
  }

  // The rest is called with the mutex held.

  // The gates that a writer who waits has closed.
  struct Closed {
    const std::uint64_t ticket;
    std::vector<std::shared_ptr<CallGate>> gates = {};

    ~Closed() { reopen(); }
    // Whether it was open.
    bool close(const std::shared_ptr<CallGate>& gate) {
      if (std::find(gates.begin(), gates.end(), gate) != gates.end()) return false;
      gates.reserve(gates.size() + 1);
      gate->closers_.push_back(ticket);
      gates.push_back(gate);
      gate->state_.fetch_or(CallGate::kClosing, std::memory_order_relaxed);
      return true;
    }
    void reopen() {
      for (const std::shared_ptr<CallGate>& gate : gates) {
        std::erase(gate->closers_, ticket);
        if (!gate->closers_.empty()) continue;
        gate->state_.fetch_and(~CallGate::kClosing, std::memory_order_release);
        gate->state_.notify_all();
      }
      gates.clear();
    }
  };

  // Whether somebody waits for longer. Who is inside a gate may be who is waited for.
  static bool must_yield(const CallGate& gate, std::uint64_t ticket) {
    return passed_weight == 0 && std::any_of(gate.closers_.begin(), gate.closers_.end(),
                                             [&](std::uint64_t other) { return other < ticket; });
  }

  // Empty until now: now written.
  static bool claim(CallGate& gate) {
    std::uint32_t before = gate.state_.load(std::memory_order_relaxed);
    while ((before & ~CallGate::kClosing) == 0) {
      if (gate.state_.compare_exchange_weak(before, before | CallGate::kWriting,
                                            std::memory_order_acq_rel))
        return true;
    }
    return false;
  }

  static void release(CallGate& gate) {
    gate.state_.fetch_and(~CallGate::kWriting, std::memory_order_release);
    gate.state_.notify_all();
  }

  // Everything at once, or nothing: while one gate is waited for, none is held by whom it might
  // wait.
  bool claim_all(WriteScope& scope, std::uint64_t ticket) {
    for (const std::uint64_t id : scope.storages_) {
      if (storages[id].written) return false;
    }
    CallGate* const program = scope.enters_ ? scope.program_ : nullptr;
    if (program != nullptr && must_yield(*program, ticket)) return false;
    const auto yields = [&](const auto& gate) { return must_yield(*gate, ticket); };
    if (std::any_of(scope.gates_.begin(), scope.gates_.end(), yields)) return false;
    const auto busy = std::find_if(scope.gates_.begin(), scope.gates_.end(),
                                   [](const auto& gate) { return !claim(*gate); });
    const bool all = busy == scope.gates_.end();
    if (!all || (program != nullptr && !enter_as_call(*program))) {
      for (auto gate = scope.gates_.begin(); gate != busy; ++gate) release(**gate);
      return false;
    }
    for (const std::uint64_t id : scope.storages_) storages[id].written = true;
    return true;
  }

  // Nobody else begins to write meanwhile.
  static bool enter_as_call(CallGate& gate) {
    if ((gate.state_.load(std::memory_order_relaxed) & CallGate::kWriting) != 0) return false;
    gate.state_.fetch_add(1, std::memory_order_acquire);
    return true;
  }

  // The gates of all who read what the scope writes, as far as it shuts them out.
  void collect(WriteScope& scope) {
    scope.gates_.clear();
    scope.enters_ = scope.program_ != nullptr;
    for (const std::uint64_t id : scope.storages_) {
      for (const std::shared_ptr<CallGate>& gate : storages[id].gates) {
        if (scope.call_ && gate->weight_ == CallGate::kNetwork) continue;
        if (gate.get() == scope.program_) scope.enters_ = false;
        if (std::find(scope.gates_.begin(), scope.gates_.end(), gate) == scope.gates_.end())
          scope.gates_.push_back(gate);
      }
    }
  }

  // With the gates closed, until all could be claimed.
  void wait(WriteScope& scope, std::uint64_t ticket, std::unique_lock<std::mutex>& lock) {
    Closed closed{ticket};
    std::chrono::milliseconds patience = kFirstPatience;
    while (true) {
      const auto deadline = std::chrono::steady_clock::now() + patience;
      bool again = false;
      do {
        again = false;  // who leaves an open gate wakes nobody
        for (const std::shared_ptr<CallGate>& gate : scope.gates_) again |= closed.close(gate);
        if (!again) again = changed.wait_until(lock, deadline) == std::cv_status::no_timeout;
        collect(scope);
        if (claim_all(scope, ticket)) {
          changed.notify_all();  // whom the closed gates made yield
          return;
        }
      } while (again);
      closed.reopen();
      changed.notify_all();
      lock.unlock();
      std::this_thread::sleep_for(kPause);
      lock.lock();
      patience = std::min(2 * patience, kLongestPatience);
    }
  }
};

namespace {
GateRegistry& registry() {
  static GateRegistry* const one =
      new GateRegistry;  // tensors of static lifetime outlive any other
  return *one;
}

}  // namespace

std::shared_ptr<CallGate> CallGate::make(Inside inside) {
  const auto gate = std::make_shared<CallGate>(inside);
  return {gate.get(), [gate](CallGate*) { gate->retired_.store(true, std::memory_order_release); }};
}

bool CallGate::passed() {
  return passed_weight > 0;
}

void CallGate::enter() {
  // What a program does that calls out while it writes (a stream that it prints to, say) cannot
  // wait for itself.
  const std::uint32_t shut = writes > 0 ? 0 : passed_weight > 0 ? kWriting : kWriting | kClosing;
  while (true) {
    std::uint32_t before = state_.fetch_add(1, std::memory_order_acquire);
    if ((before & shut) == 0) break;
    before = state_.fetch_sub(1, std::memory_order_release);
    if ((before & kClosing) != 0) registry().wake();
    while (((before = state_.load(std::memory_order_acquire)) & shut) != 0) state_.wait(before);
  }
  passed_weight += weight_;
}

void CallGate::leave() {
  passed_weight -= weight_;
  const std::uint32_t before = state_.fetch_sub(1, std::memory_order_release);
  if ((before & kClosing) != 0) registry().wake();
}

void guard(const std::shared_ptr<CallGate>& gate, const Storage& storage) {
  GateRegistry& all = registry();
  std::unique_lock lock(all.mutex);
  if (writes == 0) all.changed.wait(lock, [&] { return !all.storages[storage.id()].written; });
  std::vector<std::shared_ptr<CallGate>>& gates = all.storages[storage.id()].gates;
  std::erase_if(gates,
                [&](const auto& known) { return known == gate || GateRegistry::gone(known); });
  gates.push_back(gate->shared_from_this());
  storage.set_guarded();
  all.prune();
}

WriteScope::WriteScope(std::span<const Storage* const> storages) {
  if (passed_weight == 0) acquire(storages);
}

WriteScope::WriteScope(CallGate* program, std::span<const Storage* const> storages)
    : program_(program), call_(true) {
  if (passed_weight < CallGate::kProgram) acquire(storages);
}

void WriteScope::acquire(std::span<const Storage* const> storages) {
  for (const Storage* storage : storages) {
    if (std::find(storages_.begin(), storages_.end(), storage->id()) == storages_.end())
      storages_.push_back(storage->id());
  }
  GateRegistry& all = registry();
  std::unique_lock lock(all.mutex);
  all.collect(*this);
  if (const std::uint64_t ticket = ++all.last_ticket; !all.claim_all(*this, ticket))
    all.wait(*this, ticket, lock);
  acquired_ = true;
  passed_weight += CallGate::kProgram;
  ++writes;
}

WriteScope::~WriteScope() {
  if (!acquired_) return;
  --writes;
  GateRegistry& all = registry();
  {
    const std::lock_guard lock(all.mutex);
    for (const std::uint64_t id : storages_) {
      const auto found = all.storages.find(id);
      found->second.written = false;
      if (found->second.gates.empty()) all.storages.erase(found);
    }
    for (const std::shared_ptr<CallGate>& gate : gates_) GateRegistry::release(*gate);
  }
  if (enters_) {
    program_->leave();
  } else {
    passed_weight -= CallGate::kProgram;
  }
  all.changed.notify_all();
}

}  // namespace mlpjit::support
