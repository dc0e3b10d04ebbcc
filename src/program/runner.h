#pragma once
// A compiled trace and what its inputs are bound to: tensors go in, tensors come out.

#include <memory>
#include <span>
#include <vector>

#include "lib/ir/sizes.h"
#include "lib/runtime/compiled_graph.h"
#include "mlpjit/explain.h"
#include "mlpjit/options.h"
#include "src/program/results.h"
#include "src/record/closure.h"

namespace mlpjit::detail {

class Runner {
 public:
  // Compiles the program with these sizes in it; for all sizes of one symbol that is left.
  Runner(Closure closure, const HybridizeOptions& options, const ir::Sizes& sizes = {});

  // The arguments fit (dtypes, shapes); weak ones take the dtype of their input.
  Results operator()(std::span<const Tensor> arguments) const;

  const runtime::CompiledGraph& compiled() const { return *compiled_; }
  const std::shared_ptr<const runtime::CompiledGraph>& shared_compiled() const { return compiled_; }
  const Closure& closure() const { return closure_; }
  std::span<const Binding> inputs() const { return closure_.inputs; }
  std::span<const ResultSource> results() const { return closure_.results; }
  // Whether tensors, rather than only the random stream, are written to.
  bool updates_tensors() const { return !updated_tensors_.empty(); }
  std::size_t bytes() const { return compiled_->bytes(); }
  // Everything explain() tells about an executable but its name, guards and hits.
  SignatureSummary summary(double trace_ms) const;

 private:
  const Tensor& bound(std::size_t input, std::span<const Tensor> arguments) const;
  void check_updates(std::span<const Tensor> arguments) const;
  Tensors assembled(Tensors computed, std::span<const Tensor> arguments) const;

  struct Slot;
  class SlotLease;
  class Updating;
  void fit(Slot& slot, std::int64_t batch) const;
  void set_weights(Slot& slot) const;
  static Tensor result(Slot& slot, std::size_t i);
  void set_argument(Slot& slot, std::size_t input, std::span<const Tensor> arguments) const;
  std::int64_t batch(std::span<const Tensor> arguments) const;

  std::uint64_t id_;
  std::shared_ptr<const runtime::CompiledGraph> compiled_;
  const Closure closure_;
  // Inputs that are written to, the random stream not among them; of the others, those bound to a
  // tensor, which change from publication to publication, and those that change from call to call.
  std::vector<std::uint32_t> updated_tensors_, weights_, arguments_;
  bool all_computed_ = true;  // no result is an input or another result, none is weak
};

// Throws UserError on values that no option can have.
void check_options(const HybridizeOptions& options);

// How to compile.
runtime::Settings settings_of(const HybridizeOptions& options);

}  // namespace mlpjit::detail
