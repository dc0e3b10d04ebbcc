#include "lib/support/call_gate.h"

#include <algorithm>
#include <unordered_map>

namespace mlpjit::support {

namespace {

constinit thread_local int inside = 0;  // gates this thread is in; a writer counts as one

std::mutex& writers() {  // one at a time; before registry()
  static std::mutex mutex;
  return mutex;
}

}  // namespace

// The gates of each storage. Held while something is written, so that no program starts to read it
// then. Owns them, so that who writes later comes after the last call through a gate whose program
// is gone.
struct GateRegistry {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::vector<std::shared_ptr<CallGate>>>
      gates;  // by Storage::id
  std::size_t prune_at = 64;

  static bool gone(const std::shared_ptr<CallGate>& gate) {
    return gate->retired_.load(std::memory_order_acquire);
  }

  // Programs come and go.
  void prune() {
    if (gates.size() < prune_at) return;
    for (auto it = gates.begin(); it != gates.end();) {
      std::erase_if(it->second, gone);
      it = it->second.empty() ? gates.erase(it) : std::next(it);
    }
    prune_at = std::max<std::size_t>(64, 2 * gates.size());
  }
};

namespace {
GateRegistry& registry() {
  static GateRegistry* const one =
      new GateRegistry;  // tensors of static lifetime outlive any other
  return *one;
}

}  // namespace

std::shared_ptr<CallGate> CallGate::make() {
  const auto gate = std::make_shared<CallGate>();
  return {gate.get(), [gate](CallGate*) { gate->retired_.store(true, std::memory_order_release); }};
}

void CallGate::enter() {
  const std::uint32_t shut = inside > 0 ? kWriting : kWriting | kClosing;
  while (true) {
    std::uint32_t before = state_.fetch_add(1, std::memory_order_acquire);
    if ((before & shut) == 0) break;
    state_.fetch_sub(1, std::memory_order_release);
    state_.notify_all();
    while (((before = state_.load(std::memory_order_acquire)) & shut) != 0) state_.wait(before);
  }
  ++inside;
}

void CallGate::leave() {
  --inside;
  const std::uint32_t before = state_.fetch_sub(1, std::memory_order_release);
  if ((before & kClosing) != 0) state_.notify_all();
}

bool CallGate::claim() {
  state_.fetch_or(kClosing, std::memory_order_relaxed);
  std::uint32_t empty = kClosing;
  return state_.compare_exchange_strong(empty, kClosing | kWriting, std::memory_order_acq_rel);
}

void CallGate::wait_until_empty() {
  std::uint32_t now = 0;
  while (((now = state_.load(std::memory_order_acquire)) & ~(kClosing | kWriting)) != 0)
    state_.wait(now);
}

void CallGate::open() {
  state_.fetch_and(~(kClosing | kWriting), std::memory_order_release);
  state_.notify_all();
}

void guard(const std::shared_ptr<CallGate>& gate, const Storage& storage) {
  GateRegistry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::vector<std::shared_ptr<CallGate>>& gates = all.gates[storage.id()];
  std::erase_if(gates,
                [&](const auto& known) { return known == gate || GateRegistry::gone(known); });
  gates.push_back(gate->shared_from_this());
  storage.set_guarded();
  all.prune();
}

WriteScope::WriteScope(std::span<const Storage* const> storages) {
  if (inside > 0) return;
  writer_ = std::unique_lock(writers());
  while (true) {
    registry_ = std::unique_lock(registry().mutex);
    std::vector<std::shared_ptr<CallGate>> gates;
    for (const Storage* storage : storages) {
      const auto found = registry().gates.find(storage->id());
      if (found == registry().gates.end()) continue;
      for (const std::shared_ptr<CallGate>& gate : found->second) {
        if (std::find(gates.begin(), gates.end(), gate) == gates.end()) gates.push_back(gate);
      }
    }
    // All at once: while one is waited for, none is held by whom it might wait.
    const auto busy =
        std::find_if(gates.begin(), gates.end(), [](const auto& gate) { return !gate->claim(); });
    if (busy == gates.end()) {
      gates_ = std::move(gates);
      break;
    }
    for (auto gate = gates.begin(); gate != busy; ++gate)
      (*gate)->state_.fetch_and(~CallGate::kWriting, std::memory_order_release);
    for (auto gate = gates.begin(); gate != busy; ++gate) (*gate)->state_.notify_all();
    const std::shared_ptr<CallGate> wait_for = *busy;
    registry_.unlock();
    wait_for->wait_until_empty();
  }
  ++inside;
}

WriteScope::~WriteScope() {
  if (!writer_) return;
  --inside;
  for (const std::shared_ptr<CallGate>& gate : gates_) gate->open();
}

}  // namespace mlpjit::support
