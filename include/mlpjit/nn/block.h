#pragma once
/// @file
/// Block and HybridBlock: what networks are made of.

#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mlpjit/bound_call.h"
#include "mlpjit/error.h"
#include "mlpjit/explain.h"
#include "mlpjit/export.h"
#include "mlpjit/graph.h"
#include "mlpjit/nn/export_model.h"
#include "mlpjit/nn/initializer.h"
#include "mlpjit/nn/parameter.h"
#include "mlpjit/ops.h"
#include "mlpjit/options.h"
#include "mlpjit/safetensors.h"
#include "mlpjit/tensor.h"

namespace mlpjit {
namespace nn {
class Block;
class HybridBlock;
}  // namespace nn

namespace detail {
struct BlockState;
struct BlockAccess;
struct CompiledBody;
struct CompiledReady;
struct Results;

/// While one is alive on a thread, copying a block or a parameter copies deeply, and each shared
/// part once.
class MLPJIT_API CloneScope {
 public:
  CloneScope();
  ~CloneScope();
  CloneScope(const CloneScope&) = delete;
  CloneScope& operator=(const CloneScope&) = delete;

 private:
  void* outer_;
};

/// The compiled programs of one C++ object; a copy of the object starts with none.
class MLPJIT_API CompiledSlot {
 public:
  CompiledSlot();
  CompiledSlot(const CompiledSlot&);
  CompiledSlot& operator=(const CompiledSlot&);
  ~CompiledSlot();
  CompiledBody& operator*() const { return *body_; }

 private:
  std::unique_ptr<CompiledBody> body_;
};
}  // namespace detail

namespace nn {

using mlpjit::Outputs;

/// How `initialize()` works.
struct InitializeOptions {
  /// Leave parameters that have values as they are.
  bool only_missing = false;
};

/// A deep copy on its way into a variable of the block's own type: `HybridNet copy = net.clone();`.
class BlockClone {
 public:
  template <class B>
    requires std::derived_from<B, Block>
  operator B() const;  // NOLINT: that is what it is for

 private:
  friend class Block;
  explicit BlockClone(const Block& block) : block_(&block) {}
  const Block* block_;
};

/// A piece of a network that runs imperatively. Derive from it (or better from HybridBlock),
/// declare children with `child` and parameters with `parameter`, and override `forward`, or
/// `forward_n` for several inputs or results.
///
/// Blocks are handles: a copy shares parameters and children; `clone()` copies deeply. A block is
/// copied as its own type only, never through a base.
class MLPJIT_API Block {
 public:
  virtual ~Block();

  /// Runs it. Inside another block's forward it must have been registered there with `child`.
  Tensor operator()(const Tensor& input) const;
  Outputs operator()(const Tensors& inputs) const;
  template <mlpjit::detail::TensorLike A, mlpjit::detail::TensorLike B,
            mlpjit::detail::TensorLike... More>
  Outputs operator()(const A& a, const B& b, const More&... more) const {
    return (*this)(Tensors{Tensor(a), Tensor(b), Tensor(more)...});
  }
  /// Runs a block that gives N results: `auto [mean, variance] = net.call<2>(x);`. @throws
  /// UserError when it gives another number.
  template <std::size_t N, mlpjit::detail::TensorLike... Inputs>
  std::array<Tensor, N> call(const Inputs&... inputs) const {
    return (*this)(Tensors{Tensor(inputs)...}).template as<N>();
  }

  /// Gives every parameter in the tree its first values: those declared with an initialiser of
  /// their own by it (biases: zeros), the others by this one. Those with sizes yet unknown follow
  /// at the first call.
  void initialize(const Initializer& initializer = Uniform(),
                  const InitializeOptions& options = {});
  /// All parameters in the tree, by path.
  ParameterDict collect_params() const;
  /// Writes them to a file of the safetensors layout. @throws ParameterError while one has no
  /// values.
  void save_parameters(const std::string& path) const;
  /// Reads them, all or none. @throws ParameterError, ShapeError, DTypeError, FormatError.
  LoadReport load_parameters(const std::string& path, const LoadOptions& options = {});
  /// Replaces the values of those parameters, by path, in one step: calls of other threads, bound
  /// ones too, see all of the old or all of the new values. Others keep theirs. All or none.
  /// @throws ParameterError for a path that is none, or two paths of one parameter with different
  /// values; ShapeError, DTypeError when values do not fit; TraceError while tracing.
  void set_parameters(const TensorMap& values);

  /// From the next call on every hybrid block in the tree is traced and compiled, once per
  /// signature.
  void hybridize(const HybridizeOptions& options = {});
  /// `hybridize(false)`: back to imperative.
  template <std::same_as<bool> B>
  void hybridize(B on) {
    if (on) {
      hybridize(HybridizeOptions{});
    } else {
      unhybridize();
    }
  }

  /// A deep copy: parameters, children and the children's objects.
  BlockClone clone() const { return BlockClone(*this); }

  /// A table of the tree: layers, output shapes, parameters, bytes. Output shapes are those of the
  /// first call, which noted them; before it they print as ?. (The body runs again only where
  /// layers were added or replaced since.)
  std::string summary() const;
  /// Output shapes for these inputs (only shapes and dtypes count): the body runs once for them,
  /// traced where it can be, else on zeros, in inference mode. Random stream and parameters stay as
  /// they are; its prints are printed, and C++ variables that it counts in count.
  std::string summary(const Tensor& input) const { return summary(Tensors{input}); }
  std::string summary(const Tensors& inputs) const;
  /// The tree of layers, one per line.
  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const Block& block);

 protected:
  Block();
  Block(const Block& other);
  Block(Block&& other) noexcept;
  Block& operator=(const Block& other);
  Block& operator=(Block&& other) noexcept;
  /// For layers of this library: the type's name and how it was made, "Dense", "256, relu".
  Block(std::string type, std::string arguments);

  /// Override one of the two.
  virtual Tensor forward(const Tensor& input);
  virtual Tensors forward_n(const Tensors& inputs);

  /// Registers a block under a name and returns it: `nn::Dense hidden = child("hidden",
  /// nn::Dense(4));`. A child of that name is replaced.
  template <class B>
    requires std::derived_from<B, Block>
  B child(const std::string& name, B block) {
    register_child(name, block, typeid(B));
    return block;
  }
  /// Declares a parameter; unknown sizes are kUnknown.
  Parameter parameter(const std::string& name, std::vector<std::int64_t> shape,
                      const ParameterOptions& options = {});

 private:
  friend struct mlpjit::detail::BlockAccess;
  friend class BlockClone;
  void unhybridize();
  void register_child(const std::string& name, const Block& block, const std::type_info& type);
  mlpjit::detail::BlockState& state() const;

  std::shared_ptr<mlpjit::detail::BlockState> state_;
};

/// A piece of a network that can be traced and compiled. Override `hybrid_forward`, or
/// `hybrid_forward_n` for several inputs or results; use `F` or the free functions alike. Its
/// children are hybrid blocks too.
class MLPJIT_API HybridBlock : public Block {
 public:
  /// What was compiled for this object, and why.
  Explanation explain() const;

  /// A call for hard real time on inputs of these types and sizes: compiles, packs the weights,
  /// owns its workspace and touches its pages. Hybridized or not; as evaluated, or in training
  /// mode, by the mode of this thread now. Weights that are set later are seen at the next call;
  /// children that are added or replaced, and tensors that a captured variable is bound to anew,
  /// are not. Touched are the pages of a run on the thread that binds.
  /// @throws UserError with every reason why it cannot be real-time: ops run by the interpreter
  /// (prints, random numbers, gather, ...), tensors that it updates, weights that borrow memory or
  /// gave theirs away by mutable_data(), endless loops, Backend::graph, more than one thread.
  BoundCall bind(const std::vector<TensorSpec>& inputs);

  /// The program that the block is traced to, before the optimiser: to be read, parsed, compiled.
  /// Parameters stand in it by their paths ("0.weight"), bound to the tensors that the block has
  /// now, as are tensors that it captures. `inputs` are dtypes and shapes,
  /// `net.graph({f32({dim("B"), 512})})`; without them they are found as by export_model(), and the
  /// body is run as it says. @throws as export_model().
  Graph graph(const std::vector<TensorSpec>& inputs = {}, const GraphOptions& options = {}) const;

  /// Writes `<prefix>-symbol.json` and `<prefix>-0000.params`, which SymbolBlock::imports and other
  /// languages read (docs/formats.md). It works hybridized or not, called or not: a hybridized
  /// block that has a program for these inputs writes that one; else the body is traced for it, so
  /// that its prints are printed once more, and C++ variables that it counts in count.
  /// @throws UserError when the inputs cannot be known (give `options.inputs`) or a file cannot be
  /// written; ParameterError while a parameter has no values; TraceError as hybridizing does.
  ExportedModel export_model(const std::string& prefix, const ExportOptions& options = {}) const;
  /// Writes the same as one file, which SymbolBlock::load() reads: a safetensors file whose
  /// metadata holds the program. @throws as export_model().
  ExportedModel save(const std::string& path, const ExportOptions& options = {}) const;
  /// Writes the network as an ONNX model (operator set 20), for other runtimes; the batch is
  /// symbolic as for export_model(). Ops whose bits ONNX does not say are functions of the domain
  /// `mlpjit`, with bodies: read again, the network gives the same bits. @throws UnsupportedError
  /// naming what ONNX cannot say: draws, prints, updates in place; else as export_model().
  void export_onnx(const std::string& path, const ExportOptions& options = {}) const;

 protected:
  HybridBlock();
  HybridBlock(const HybridBlock&) = default;
  HybridBlock(HybridBlock&&) noexcept;
  HybridBlock& operator=(const HybridBlock&) = default;
  HybridBlock& operator=(HybridBlock&&) noexcept;
  HybridBlock(std::string type, std::string arguments);

  /// Override one of the two.
  virtual Tensor hybrid_forward(const Ops& F, const Tensor& input);
  virtual Tensors hybrid_forward_n(const Ops& F, const Tensors& inputs);

 private:
  friend struct mlpjit::detail::BlockAccess;
  Tensor forward(const Tensor& input) final;
  Tensors forward_n(const Tensors& inputs) final;
  /// Which of several programs a call is for, where that hangs on the values of its arguments.
  virtual std::uint64_t variant(std::span<const Tensor> inputs) const;
  std::shared_ptr<const mlpjit::detail::CompiledReady> compiled_function();
  /// The results of the compiled program; false when this block runs imperatively now.
  bool run_compiled(std::span<const Tensor> inputs, mlpjit::detail::Results& results);

  mlpjit::detail::CompiledSlot compiled_;
};

/// A deep copy of any block, as its own type.
template <std::derived_from<Block> B>
B clone(const B& block) {
  const mlpjit::detail::CloneScope scope;
  return B(block);
}

template <class B>
  requires std::derived_from<B, Block>
BlockClone::operator B() const {
  const B* block = dynamic_cast<const B*>(block_);
  if (block == nullptr || typeid(*block_) != typeid(B)) {
    throw UserError("clone: the block is of another type than the variable it goes to");
  }
  return nn::clone(*block);
}

}  // namespace nn
}  // namespace mlpjit
