#pragma once
// The state that the handles of one block share. Never the address of a C++ object: what was traced
// from an object's body belongs to that object (CompiledBody).

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mlpjit/nn/block.h"
#include "mlpjit/options.h"
#include "src/block/parameter_state.h"
#include "src/core/path.h"

namespace mlpjit::detail {

// Shapes of what layers give, by path.
using LayerShapes = std::map<std::string, std::vector<Shape>>;

struct BlockState {
  // A child or a parameter.
  struct Member {
    std::string name;
    std::shared_ptr<BlockState> child;
    std::shared_ptr<ParameterState> parameter;
  };

  BlockState();

  const std::uint64_t id;  // never given twice
  std::string type;        // "Dense"; empty for a user's block at the root
  std::string arguments;   // "256, relu"
  bool hybrid = false;
  std::vector<Member> members;  // in order of declaration

  // Counts changes of the members.
  std::atomic<std::uint64_t> version{0};
  // Counts calls of hybridize; the options stand while hybridized.
  std::atomic<std::uint64_t> options_version{0};
  std::atomic<bool> hybridized{false};
  HybridizeOptions options;  // guarded by mutex

  // The first call as a root: dtypes and shapes of its inputs, and, for summary(), what the layers
  // gave, with the tree as it was then.
  std::atomic<bool> called{false};
  std::vector<std::pair<DType, Shape>> first_inputs;  // guarded by mutex, as are these two
  LayerShapes first_outputs;
  std::vector<std::uint64_t> first_fingerprint;
  mutable std::mutex mutex;

  // Hybrid blocks of this tree from the next call on; plain ones keep the options for blocks that
  // are added later.
  void hybridize(const HybridizeOptions& wanted);
  // Adds or replaces; tells every program traced from a tree with this block in it. What is added
  // to a hybridized block is hybridized too, unless it is already.
  void put(Member member);
  // Drops every program traced from a tree with this block in it.
  void touch();
  // The path from here to a block below ("hidden.0"), or nothing.
  std::optional<std::string> path_to(const BlockState& block) const;
  void remember_call(std::span<const Tensor> inputs, const LayerShapes& outputs);
  std::shared_ptr<BlockState> clone() const;
};

// Identities and versions of all blocks of a tree, in order: equal as long as its members are the
// same.
std::vector<std::uint64_t> fingerprint_of(const BlockState& block);

// Raised whenever the members of any block change, so that a call learns in one read that no tree
// did.
std::atomic<std::uint64_t>& structure_epoch();

// Calls `visit(path, state)` for a block and all below it, parents first.
template <class Visit>
void walk_blocks(const BlockState& block, const std::string& path, const Visit& visit) {
  visit(path, block);
  for (const BlockState::Member& member : block.members) {
    if (member.child)
      walk_blocks(*member.child, path.empty() ? member.name : path + "." + member.name, visit);
  }
}

// One running call of a block on this thread: checks that the block is registered under the running
// one, and adds its name to the layer path.
class CallFrame {
 public:
  explicit CallFrame(const nn::Block& block);
  ~CallFrame();
  CallFrame(const CallFrame&) = delete;
  CallFrame& operator=(const CallFrame&) = delete;
  bool root() const { return outer_ == nullptr; }

 private:
  static std::string name_under(const CallFrame* outer, const nn::Block& block,
                                const BlockState& state);
  const BlockState& state_;
  CallFrame* outer_;
  int depth_;
  PathScope path_;
};

// Collects the output shapes of every layer that runs, or is traced, on this thread meanwhile.
class ShapeObserver {
 public:
  // Whether compiled programs, which hide their layers, are left aside meanwhile.
  enum class Mode : std::uint8_t { as_ever, imperative };
  static ShapeObserver*& current();
  static bool wants_imperative() {
    return current() != nullptr && current()->mode_ == Mode::imperative;
  }
  explicit ShapeObserver(Mode mode) : mode_(mode), outer_(current()) { current() = this; }
  ~ShapeObserver() { current() = outer_; }
  ShapeObserver(const ShapeObserver&) = delete;
  ShapeObserver& operator=(const ShapeObserver&) = delete;

  // Of the layer that ends now; of one that runs several times the last counts.
  void record(std::span<const Tensor> outputs);
  const LayerShapes& shapes() const { return shapes_; }

 private:
  const Mode mode_;
  ShapeObserver* outer_;
  LayerShapes shapes_;
};

struct BlockAccess {
  static BlockState& state(const nn::Block& block) { return block.state(); }
  static CompiledBody& compiled(const nn::HybridBlock& block) { return *block.compiled_; }
  static std::shared_ptr<BlockState> share(const nn::Block& block) {
    block.state();
    return block.state_;
  }
  static void register_child(nn::Block& parent, const std::string& name, const nn::Block& child,
                             const std::type_info& type) {
    parent.register_child(name, child, type);
  }
  static Tensor run(nn::HybridBlock& block, const Tensor& input) {
    return block.hybrid_forward(Ops(), input);
  }
  static Tensors run_n(nn::HybridBlock& block, const Tensors& inputs) {
    return block.hybrid_forward_n(Ops(), inputs);
  }
};

// The path of the parameter that a tensor holds the values of. Looked up per trace: parameters
// whose sizes are inferred get their values during the first one.
std::optional<std::string> parameter_path(const BlockState& block, const std::string& prefix,
                                          const Tensor& tensor);

// While one is alive on this thread, a block that would be given one input without having said that
// it takes one (it overrides hybrid_forward_n) throws UserError: nobody called it so.
class OneInputGuess {
 public:
  OneInputGuess() : outer_(std::exchange(active(), true)) {}
  ~OneInputGuess() { active() = outer_; }
  OneInputGuess(const OneInputGuess&) = delete;
  OneInputGuess& operator=(const OneInputGuess&) = delete;
  static bool& active();

 private:
  bool outer_;
};

// "HybridNet", without namespaces.
std::string type_name(const std::type_info& type);
std::string type_of(const nn::Block& block);

}  // namespace mlpjit::detail
