#pragma once
// The state that the handles of one parameter share.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/support/publication.h"
#include "mlpjit/nn/parameter.h"

namespace mlpjit::detail {

// The values live in one tensor for as long as the shape stays: new values are written to it, so
// that traced programs, which are bound to the tensor, see them.
struct ParameterState {
  // The request of initialize(), waiting for the sizes.
  struct Pending {
    nn::Initializer initializer;
    std::uint64_t seed = 0;
  };

  // Guarded by mutex, as everything but `ready` and, once ready, `value`. Never held while an
  // initializer runs: it may be a function of the user's that runs networks; nor while values are
  // published.
  std::string path;
  std::vector<std::int64_t> sizes;  // kUnknown where not known yet
  nn::ParameterOptions options;
  std::optional<Pending> pending;
  std::uint64_t requests = 0;  // calls of initialize()
  bool being_made = false;     // the first values, by some thread
  std::atomic<bool> ready{false};
  Tensor value;
  mutable std::mutex mutex;
  std::condition_variable made;  // nobody makes the first values any more

  bool complete() const;
  std::string shape_text() const;
  // Completes the sizes and makes the values; throws as Parameter::data, and leaves everything as
  // it was then.
  Tensor materialize(std::span<const std::int64_t> sizes);
  // What initialize() begins with: the values where the sizes are known, else a note to make them
  // at the first call, and nothing.
  Tensor request(const nn::Initializer& initializer, std::uint64_t seed, const std::string& path);
  std::shared_ptr<ParameterState> clone() const;

  // New values of several parameters, published together by commit(), or not at all.
  class Writing {
   public:
    explicit Writing(std::vector<ParameterState*> parameters);
    ~Writing();
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

    // Throws ParameterError, ShapeError, DTypeError when they do not fit, naming `call`.
    void write(ParameterState& parameter, const Tensor& values, const char* call);
    void commit();

   private:
    void release();

    std::vector<ParameterState*> first_;  // without values yet, and this thread makes them
    std::vector<std::pair<ParameterState*, Tensor>> fresh_;  // first values
    support::Publication publication_{false};
  };

 private:
  void adopt(Tensor own, std::span<const std::int64_t> wanted);
  void check_fits(const Tensor& values, const char* call) const;
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
