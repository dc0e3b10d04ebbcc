#pragma once
// Misses: why calls find no program, and what HybridizeOptions::on_recompile makes of that.

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "mlpjit/options.h"
#include "src/program/signature.h"

namespace mlpjit::detail {

// A call without a program.
struct MissedCall {
  const Signature& signature;
  // What the function lost that a program for this call captured: "capture 0 (f32[2])", or "".
  const std::string& lost;
  // There was a program, which made room for others.
  bool evicted = false;
};

// Safe from any thread. Its lock is the last of those that a call takes: nothing is called under
// it.
class Misses {
 public:
  // `name` stands in messages.
  Misses(const HybridizeOptions& options, std::string name)
      : options_(options), name_(std::move(name)) {}

  // Notes the reason, by the signatures that have programs, the latest first. Returns a warning
  // that is to be given when no lock is held, or "". Throws UserError where a new compile is an
  // error.
  std::string note(const MissedCall& call, std::span<const Signature* const> known);
  // All programs were forgotten; `latest` is the signature of the one used last.
  void forget(const Signature& latest);
  // A call ended with an error on its way to a program.
  void failed(const std::string& message);

  struct Report {
    std::string last_miss;
    std::uint64_t failures = 0;
    std::string last_failure;
  };
  Report report() const;

 private:
  std::string reason_after(const Signature& before, bool there, const MissedCall& call) const;

  const HybridizeOptions options_;
  const std::string name_;
  mutable std::mutex mutex_;  // guards the rest
  std::optional<Signature> forgotten_;
  Report report_;
  std::set<std::string> warned_;
  std::set<std::string> lost_;  // captures that the function lost before
};

}  // namespace mlpjit::detail
