#pragma once
// The engine of jit() and hybridize(): a function of tensors, traced once per signature (and once
// for all batch sizes, where that is wanted), compiled once per trace, found again by its whole
// key.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "mlpjit/explain.h"
#include "mlpjit/options.h"
#include "mlpjit/tensor.h"
#include "src/program/results.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {

class Runner;

// Safe from any number of threads; one trace and one compile per key however many ask.
class CachedFunction {
 public:
  using Body = std::function<Tensors(const Tensors&)>;

  // `name` stands in messages ("net", "jit").
  CachedFunction(Body body, HybridizeOptions options, ParameterResolver resolver = {},
                 std::string name = "jit");
  ~CachedFunction();
  CachedFunction(const CachedFunction&) = delete;
  CachedFunction& operator=(const CachedFunction&) = delete;

  // While tracing the body is inlined. `structure` is part of the key: raise it whenever what the
  // body does, or which tensors it uses, changes (a child added, a parameter's handle replaced).
  // Changed contents of the same tensors need nothing.
  Results call(std::span<const Tensor> inputs, std::uint64_t structure);
  // The short way: false, and nothing is done, where the call needs more than the latest program.
  bool call_latest(std::span<const Tensor> inputs, std::uint64_t structure, Results& results);

  // The program for calls like this one, made if it is not there; kept alive by the pointer.
  std::shared_ptr<const Runner> runner(std::span<const Tensor> inputs, std::uint64_t structure);

  // The trace of a program that is there for such arguments, made without weak ones; nothing where
  // there is none. It says what compiled calls do.
  std::optional<Trace> trace_at_hand(std::span<const TensorSpec> arguments, bool training,
                                     std::uint64_t structure) const;

  // Forgets every executable; running calls finish on theirs.
  void clear();
  const HybridizeOptions& options() const { return options_; }
  Explanation explain() const;

 private:
  class Call;
  struct State;
  HybridizeOptions options_;
  std::string name_;
  std::unique_ptr<State> state_;
};

}  // namespace mlpjit::detail
