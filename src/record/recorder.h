#pragma once
// The recorder: while one is current on a thread, every op on tensors is written down as IR instead
// of run.
//
// Tensors that existed before the trace become inputs of the graph the first time they are used
// (argument, parameter, capture); those made during it are constants. In-place updates are
// rewritten functionally: each tensor has a current SSA value, and an input whose value changed
// becomes an Update. Random state and print token are two more such variables.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/ir/graph.h"
#include "src/core/path.h"
#include "src/record/closure.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

// The path of a parameter ("hidden.weight"), or nothing for a tensor that is none.
using ParameterResolver = std::function<std::optional<std::string>(const Tensor&)>;

// A finished trace. Every result of the traced function is a result of main, in order.
struct Trace : Closure {
  // Arguments that are also used through a handle the function captured: (argument, capture).
  std::vector<std::pair<std::size_t, CapturedTensor>> captured_arguments;
  // The symbolic tensors that stood for its values. All are gone by now, but for those that a C++
  // variable outside of the function was assigned.
  std::vector<std::weak_ptr<TensorImpl>> tensors;
  // Whether the function made text of a size that is a symbol.
  bool has_size_text = false;
};

// The values of the trace that variables outside still hold: "%3 = tanh of layer 'cell' (f32[1,
// 2])".
std::vector<std::string> escaped_values(const Trace& trace);

// What the trace is made for: one entry per argument of the traced function.
struct ArgumentSpec {
  DType dtype = DType::f32;
  Shape shape;
  WeakKind weak = WeakKind::none;
  std::size_t same_as = SIZE_MAX;  // an earlier argument that is the same tensor
  Tensor concrete = {};            // the caller's tensor, where there is one
  std::string name = {};           // "" : "x0", "x1", ...
};

class Recorder {
 public:
  // The one recording on this thread, or null.
  static Recorder* current();

  Recorder(std::span<const ArgumentSpec> arguments, ParameterResolver resolver);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Stands for the arguments while tracing.
  const Tensors& arguments() const { return arguments_; }
  // Ends the trace.
  Trace finish(const Tensors& results);
  // The same without results: what was recorded so far.
  Trace end();

  std::uint64_t id() const { return id_; }
  std::uint32_t depth() const { return static_cast<std::uint32_t>(regions_.size() - 1); }
  ir::Function& function() { return *function_; }
  ir::RegionId region() const { return regions_.back(); }

  // The current value of a tensor; makes an input or a constant of a concrete one. A weak tensor
  // gives its widest representation.
  ir::ValueId value_of(const Tensor& tensor, const char* call);
  // Appends an op; its results become symbolic tensors.
  Tensors record(ir::Opcode opcode, std::span<const ir::ValueId> operands, ir::Attrs attrs);
  Tensor symbolic(ir::ValueId value, WeakKind weak = WeakKind::none);
  ir::ValueId append(ir::Opcode opcode, std::vector<ir::ValueId> operands, ir::Attrs attrs);
  ir::ValueId constant(const ir::Literal& literal);
  // The same value under an id of its own: no two tensors share one, so that loops can tell them
  // apart.
  ir::ValueId fresh(ir::ValueId value);

  // The tensor holds `value` from here on, for every handle of it.
  void update(const Tensor& tensor, ir::ValueId value, const char* call);
  // The same for a C++ scalar that takes the dtype of what is assigned to it.
  void update_weak(const Tensor& tensor, const Tensor& value, const char* call);

  // The random state i64[2] and the print token, as tensors that ops update.
  const Tensor& random_state();
  const Tensor& print_token();

  // Whether a concrete tensor has been given another value by this trace.
  bool updated(const TensorImpl& impl) const;
  // Whether a tensor was made during this trace, and holds what it was made with.
  bool is_constant(const TensorImpl& impl) const { return !impl.symbolic && impl.trace == id_; }
  // Whether a tensor stands for a value of this trace already.
  bool knows(const TensorImpl& impl) const {
    return impl.symbolic || known_input(impl).has_value();
  }
  // "%3 = add" : for messages.
  std::string describe(const TensorImpl& impl) const;
  // "%3"
  std::string name_of(const TensorImpl& impl) const;

  // Regions (control flow): ops go to `region` until end_region(), which returns what was updated
  // in it, with the value before and the value at its end, and undoes those updates.
  struct RegionUpdate {
    Tensor tensor;
    ir::ValueId before, after;
  };
  void begin_region(ir::RegionId region);
  std::vector<RegionUpdate> end_region();
  // Where an exception leaves it. Whoever catches that inside the traced function goes on with what
  // a program cannot do, so that finish() fails.
  void abandon_region();

 private:
  std::size_t input_of(const ImplPtr& impl);  // of a concrete tensor; made when new
  std::optional<std::size_t> known_input(const TensorImpl& impl) const;
  ir::ValueId constant_of(const ImplPtr& impl);
  const Tensor& variable(Tensor& slot, ir::InputKind kind, const char* name, const ir::Type& type);
  std::size_t add_input(ir::Input input, const ir::Type& type, Binding binding, ImplPtr symbol);
  bool visible(ir::ValueId value) const;
  void log_update(const Tensor& tensor, ir::ValueId before);
  ResultSource source_of(const Tensor& result, const Tensors& results, std::size_t index);
  void watch(const ImplPtr& symbol) { watched_.push_back(symbol); }
  [[noreturn]] void throw_foreign(const TensorImpl& impl, const char* call) const;

  std::uint64_t id_;
  std::shared_ptr<ir::Graph> graph_;
  ir::Function* function_ = nullptr;
  ParameterResolver resolver_;
  Tensors arguments_;
  std::vector<Binding> bindings_;     // one per input
  std::vector<ImplPtr> values_;       // one per input: holds its current value
  std::vector<ir::ValueId> initial_;  // one per input
  std::unordered_map<const TensorImpl*, std::size_t>
      inputs_;  // of concrete tensors and of argument symbols
  std::unordered_map<const TensorImpl*, ir::ValueId> constants_;
  std::vector<ImplPtr> kept_;                       // keys of the maps, kept alive
  std::vector<std::weak_ptr<TensorImpl>> watched_;  // symbols, for Trace::tensors
  std::vector<std::pair<std::size_t, CapturedTensor>> captured_arguments_;
  Tensor random_state_, print_token_;
  std::vector<ir::RegionId> regions_;
  std::vector<std::vector<RegionUpdate>> logs_;
  bool abandoned_ = false;                                     // a region was
  const std::uint64_t unanswered_before_, size_texts_before_;  // when the trace began
  std::size_t capture_count_ = 0;
};

// Makes a recorder current for the scope (nested: the outer one comes back), or none: code in a
// TracePause runs imperatively though a trace is going on (deferred initialisation).
class TraceScope {
 public:
  explicit TraceScope(Recorder* recorder);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  Recorder* outer_;
};
class TracePause : public TraceScope {
 public:
  TracePause() : TraceScope(nullptr) {}
};

}  // namespace mlpjit::detail
