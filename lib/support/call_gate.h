#pragma once
// Weights may be replaced while other threads call: a call sees all of the old or all of the new
// values. Calls pass through a gate; whoever writes closes the gates of all who read what is
// written, waits for the calls inside to end, writes, and opens them again. Passing an open gate is
// two atomic operations; only calls that read this very memory ever wait. A call of a program that
// updates tensors is a writer of those for as long as it runs.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/support/storage.h"

namespace mlpjit::support {

// Of one compiled program, or of one network that runs imperatively.
class CallGate : public std::enable_shared_from_this<CallGate> {
 public:
  // What happens inside. A program runs to its end by itself; the code of a network may wait for
  // other calls, those of other threads included.
  enum class Inside { program, network };
  // Writers know the gate for as long as the handle lives.
  static std::shared_ptr<CallGate> make(Inside inside);
  explicit CallGate(Inside inside) : weight_(inside == Inside::program ? kProgram : kNetwork) {}
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

  // Whether this thread is inside a gate, or writes.
  static bool passed();

  // A call inside the gate. A thread that is inside another gate already is let through a closing
  // one: who closes it may be waiting for that thread.
  class Scope {
   public:
    explicit Scope(CallGate& gate) : gate_(gate) { gate_.enter(); }
    ~Scope() { gate_.leave(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CallGate& gate_;
  };

 private:
  friend class WriteScope;
  friend struct GateRegistry;
  static constexpr std::uint32_t kWriting = 1u << 31, kClosing = 1u << 30;
  static constexpr int kNetwork = 1, kProgram = 1 << 16;

  void enter();
  void leave();

  const int weight_;                     // what a thread inside is in
  std::atomic<bool> retired_{false};     // its handles are gone, and all calls done
  std::atomic<std::uint32_t> state_{0};  // how many are inside, and the two bits
  // Who waits for the gate to be empty, by their tickets: kClosing, as long as there are any.
  // Guarded by the registry.
  std::vector<std::uint64_t> closers_;
};

// From now on who writes to the storage by a WriteScope waits for the calls inside the gate.
// Returns when nobody writes to it.
void guard(const std::shared_ptr<CallGate>& gate, const Storage& storage);

// This thread alone writes to these storages meanwhile, and no call that reads them is inside its
// gate.
class WriteScope {
 public:
  // Within a call, or within another WriteScope, it does nothing: what a call writes is part of it.
  explicit WriteScope(std::span<const Storage* const> storages);
  // The call of a program, whose gate this is (null: it has none), that updates them. It shuts out
  // the programs that read them, but no networks that run imperatively: those may be waiting for it.
  // Within another program's call it does nothing.
  WriteScope(CallGate* program, std::span<const Storage* const> storages);
  ~WriteScope();
  WriteScope(const WriteScope&) = delete;
  WriteScope& operator=(const WriteScope&) = delete;

 private:
  friend struct GateRegistry;
  void acquire(std::span<const Storage* const> storages);

  std::vector<std::uint64_t> storages_;           // ids of those written; empty: nothing was done
  std::vector<std::shared_ptr<CallGate>> gates_;  // of those who read them
  CallGate* program_ = nullptr;
  bool call_ = false;    // of a program
  bool enters_ = false;  // program_ as a call: it reads nothing of what is written
  bool acquired_ = false;
};

}  // namespace mlpjit::support
