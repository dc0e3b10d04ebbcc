#pragma once
// What the handles of one parameter share.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/support/call_gate.h"
#include "mlpjit/nn/parameter.h"

namespace mlpjit::detail {

// The values live in one tensor for as long as the shape stays: new values are written into it, so
// that traced programs, which are bound to the tensor, see them.
struct ParameterState {
  // The request of initialize(), waiting for the sizes.
  struct Pending {
    nn::Initializer initializer;
    std::uint64_t seed = 0;
  };

  // Guarded by mutex, as everything but `ready` and, once ready, `value`. Never held while an
  // initializer runs: it may be a function of the user's that runs networks.
  std::string path;
  std::vector<std::int64_t> sizes;  // kUnknown where not known yet
  nn::ParameterOptions options;
  std::optional<Pending> pending;
  std::uint64_t requests = 0;  // calls of initialize()
  std::thread::id maker;       // who makes the first values now
  std::atomic<bool> ready{false};
  Tensor value;
  mutable std::mutex mutex;
  std::condition_variable made;                           // nobody is their maker any more
  std::vector<std::shared_ptr<support::CallGate>> early;  // that wait for values to guard

  bool complete() const;
  std::string shape_text() const;
  // Completes the sizes and makes the values; throws as Parameter::data, and leaves everything as
  // it was then.
  Tensor materialize(std::span<const std::int64_t> sizes);
  // initialize(): makes the values now where the sizes are known.
  void initialize(const nn::Initializer& initializer, std::uint64_t seed, const std::string& path);
  void set(const Tensor& values);
  std::shared_ptr<ParameterState> clone() const;

  // No call that reads the values of these parameters is inside its gate meanwhile, and nobody else
  // sets or makes them.
  class Writing {
   public:
    explicit Writing(std::vector<ParameterState*> parameters);

   private:
    std::optional<support::WriteScope> alone_;
    std::vector<std::unique_lock<std::mutex>> locks_;  // left before the gates open
  };
  // set(), within a Writing.
  void write(const Tensor& values);
  // The memory of the values, or null.
  const support::Storage* storage() const;
  // The gate stands before the values, those that are still to come too.
  void guard_by(const std::shared_ptr<support::CallGate>& gate);

 private:
  void publish();
  void adopt(const Tensor& values, std::span<const std::int64_t> wanted);
  [[noreturn]] void throw_misfit(std::span<const std::int64_t> found) const;
};

struct ParameterAccess {
  static nn::Parameter make(std::shared_ptr<ParameterState> state) {
    return nn::Parameter(std::move(state));
  }
  static ParameterState& state(const nn::Parameter& parameter) { return parameter.state(); }
  // Adds one under a path; only the path when the parameter is already there.
  static void add(nn::ParameterDict& dict, const std::string& path,
                  const std::shared_ptr<ParameterState>& state);
  // Of each parameter the further paths it is found by.
  static std::vector<std::vector<std::string>> aliases(const nn::ParameterDict& dict);
};

}  // namespace mlpjit::detail
