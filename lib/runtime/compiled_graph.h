#pragma once
// A compiled (or interpreted) graph: immutable, thread-safe, counted.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/interp/interp.h"
#include "lib/ir/graph.h"
#include "lib/passes/passes.h"
#include "lib/runtime/interface.h"
#include "lib/runtime/team.h"
#include "lib/support/storage.h"
#include "mlpjit/options.h"

namespace mlpjit::runtime {

// One input of a call. The storage, where there is one, keeps the packed copy of a weight with the
// contents that the view shows. `update`: where the final elements of an updated input go; null: to
// its own memory.
struct Argument {
  interp::View view;
  const support::Storage* storage = nullptr;
  void* update = nullptr;
};

// A call of an executable with what stays from call to call in its place; of one thread at a time.
// The executable outlives it.
class Frame {
 public:
  virtual ~Frame() = default;
  // What it points to must be there whenever run() is called, unless it is set again before.
  virtual void set_input(std::size_t input, const Argument& argument) = 0;
  // As CompiledGraph::run; results overlap no input. `batch`: the value of the interface's symbol.
  virtual void run(std::span<const interp::View> results, std::int64_t batch) = 0;
};

struct KernelReport {
  std::string name, kind, reason;
  std::vector<ir::Opcode> fused = {};  // plan::Step::fused
};

// What compiling did, as data; explain() prints it.
struct Report {
  Backend backend = Backend::native;
  support::Isa isa{};
  std::vector<passes::PassReport> passes;
  std::vector<KernelReport> kernels;
  int fusions = 0;             // groups of ops that are one kernel
  std::int64_t row_block = 0;  // rows that the kernels run on at a time; 0: on all
  // Of batch size 1 where they depend on it; then the formula says how.
  std::string workspace_formula;
  std::size_t workspace_bytes = 0, unshared_bytes = 0, packed_bytes = 0, code_bytes = 0;
  std::size_t reused_functions = 0;  // of programs before
  double passes_ms = 0, plan_ms = 0, emit_ms = 0, codegen_ms = 0, link_ms = 0, load_ms = 0,
         total_ms = 0;
};

// Receives the stages of one compile: "trace", "after <pass>", "optimized", "plan", "llvm",
// "assembly".
using DumpSink = std::function<void(std::string_view stage, const std::string& text)>;

#ifdef NDEBUG
inline constexpr bool kVerifyByDefault = false;
#else
inline constexpr bool kVerifyByDefault = true;
#endif

struct Settings {
  Backend backend = Backend::native;
  support::Isa isa = support::Isa::baseline;
  PassOptions passes = {};
  Sharing sharing = {};
  DumpSink dump = {};              // empty: no texts are made
  bool verify = kVerifyByDefault;  // the graph, between passes
};

class CompiledGraph {
 public:
  virtual ~CompiledGraph() = default;

  // Optimises, plans and compiles; a graph whose sizes have one symbol, for all its values. Throws
  // UnsupportedError for Backend::native without LLVM or its library.
  static std::shared_ptr<const CompiledGraph> compile(const ir::Graph& graph,
                                                      const Settings& settings);

  // Inputs as the types of the graph's main function say (the caller has checked), all views with
  // the sizes of this call. Results may overlap inputs (then they are staged), not each other.
  // Throws ValueError as every mode does, and has updated nothing then. Any thread; native code
  // allocates nothing once a thread has called it, unless a weight changed or an op is the
  // interpreter's.
  virtual void run(std::span<const Argument> inputs,
                   std::span<const interp::View> results) const = 0;

  virtual std::unique_ptr<Frame> make_frame() const = 0;

  virtual const Interface& interface() const = 0;
  std::span<const ir::Input> inputs() const { return interface().inputs; }
  std::span<const ir::Type> input_types() const { return interface().input_types; }
  std::span<const ir::Type> result_types() const { return interface().result_types; }
  // For each update: which input it changes.
  std::span<const std::uint32_t> updated_inputs() const { return interface().updated_inputs; }
  virtual const Report& report() const = 0;
  // Bytes it holds: code, constants, text.
  virtual std::size_t bytes() const = 0;
};

}  // namespace mlpjit::runtime
