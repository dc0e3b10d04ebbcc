#pragma once
// Weights may be replaced while other threads call: a call sees all of the old or all of the new
// values. Calls pass through a gate; whoever writes closes the gates of all who read what is
// written, waits for the calls inside to end, writes, and opens them again. Passing an open gate is
// two atomic operations; only calls that read this very memory ever wait, and only for the copying.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "lib/support/storage.h"

namespace mlpjit::support {

// Of one compiled program, or of one network that runs imperatively.
class CallGate : public std::enable_shared_from_this<CallGate> {
 public:
  // Writers know the gate for as long as the handle lives.
  static std::shared_ptr<CallGate> make();
  CallGate() = default;
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

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

  void enter();
  void leave();
  bool claim();  // closing and empty: now writing
  void wait_until_empty();
  void open();

  std::atomic<bool> retired_{false};     // its handles are gone, and all calls done
  std::atomic<std::uint32_t> state_{0};  // how many are inside, and the two bits
};

// From now on who writes to the storage by a WriteScope waits for the calls inside the gate.
void guard(const std::shared_ptr<CallGate>& gate, const Storage& storage);

// No call is inside the gates of these storages meanwhile. Within a call, or within another
// WriteScope, it does nothing: what a call writes is part of it.
class WriteScope {
 public:
  explicit WriteScope(std::span<const Storage* const> storages);
  ~WriteScope();
  WriteScope(const WriteScope&) = delete;
  WriteScope& operator=(const WriteScope&) = delete;

 private:
  std::unique_lock<std::mutex> writer_, registry_;
  std::vector<std::shared_ptr<CallGate>> gates_;  // claimed
};

}  // namespace mlpjit::support
