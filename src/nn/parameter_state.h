#pragma once
// What the handles of one parameter share.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/support/storage.h"
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

  std::string path;  // guarded by mutex, as everything but `ready` and, once ready, `value`
  std::vector<std::int64_t> sizes;  // kUnknown where not known yet
  nn::ParameterOptions options;
  std::optional<Pending> pending;
  std::atomic<bool> ready{false};
  Tensor value;
  mutable std::mutex mutex;

  bool complete() const;
  std::string shape_text() const;
  // Completes the sizes and makes the values; throws as Parameter::data.
  Tensor materialize(std::span<const std::int64_t> sizes);
  // initialize(): makes the values now where the sizes are known.
  void initialize(const nn::Initializer& initializer, std::uint64_t seed, const std::string& path);
  void set(const Tensor& values);
  // The memory of the values, or null. To be taken, for a WriteScope, before the mutex.
  const support::Storage* storage() const;
  std::shared_ptr<ParameterState> clone() const;

 private:
  void publish();
  Tensor first_values(const nn::Initializer& initializer, std::uint64_t seed) const;
  void adopt(const Tensor& made);
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
