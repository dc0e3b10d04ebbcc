#pragma once
// From an ONNX model to a network: its nodes are run once, on symbols, with the ops of mlpjit.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mlpjit/error.h"
#include "src/exchange/onnx_model.h"
#include "src/model/function_model.h"
#include "src/onnx/value.h"

namespace mlpjit::onnx {

// Values by name; a graph within another sees those around it.
class Scope {
 public:
  explicit Scope(const Scope* around = nullptr) : around_(around) {}
  const Value* find(const std::string& name) const;
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }

  // What the version of each domain's ops is.
  const std::map<std::string, std::int64_t>& opsets() const;
  void set_opsets(const std::map<std::string, std::int64_t>* opsets) { opsets_ = opsets; }

 private:
  const Scope* around_;
  const std::map<std::string, std::int64_t>* opsets_ = nullptr;
  std::unordered_map<std::string, Value> values_;
};

struct ImportOptions {
  bool widen = false;  // float16 and bfloat16 become float32
  std::size_t model_bytes = 0;
};

// More than is written out, whatever the sizes of the inputs are.
class TooMuch final : public UnsupportedError {
 public:
  using UnsupportedError::UnsupportedError;
};

class Importer {
 public:
  // `file` is where the model came from: for messages, and for external data beside it.
  Importer(const Model& model, std::string file, const ImportOptions& options);

  // The network as a function, with constants for the inputs that are known; for one block.
  detail::FunctionModel function(const detail::Known& known);
  // Throws UnsupportedError naming every node of an op that is not there.
  void check() const;
  // What sizes of inputs say: as they are; or a first one of 0 is any; or the first is one batch,
  // whatever it is called; or each axis has one; or that, and the last is what the weights say.
  enum class Leading : std::uint8_t {
    as_named,
    zero_is_any,
    one_symbol,
    one_per_axis,
    known_widths
  };
  void set_leading(Leading leading) { leading_ = leading; }

  // Counts nodes and elements of sequences that are written out. Throws TooMuch.
  void count(std::size_t more);
  // The results of a graph's nodes.
  Values run(const Graph& graph, const Scope* around, const Values& inputs);
  Value read(const TensorData& data);
  // Where a string stands in the model's table; -1 where it does not.
  std::int64_t code_of(const std::string& text) const;
  const ImportOptions& options() const { return options_; }
  const std::string& file() const { return file_; }
  DType dtype_of(DataType type, const std::string& what) const;
  // Weights that are called so in the file.
  Tensor named(Tensor tensor, const std::string& name);
  // What constants give: calculated now, not by the network. Kept as long as the importer.
  Tensor now(const std::function<Tensor()>& function);
  Tensors all_now(const std::function<Tensors()>& function);
  // A constant in another shape; weights keep their name.
  Tensor reshaped(const Value& value, const Shape& shape);
  // weight^T, once for each name.
  Tensor transposed(const Value& weight);

 private:
  // Gives every string of the model a code, those of labels first: they are the classes.
  void collect_strings();
  void check(const std::vector<Node>& nodes, std::vector<std::string>& unsupported) const;
  void collect_used(const Graph& graph);
  // The last size of an input that the file does not say, by the weights; 0 where they do not.
  std::int64_t known_width(const std::string& input) const;
  std::vector<detail::FunctionModel::Input> inputs() const;
  std::vector<std::string> names_of(const ValueInfo& output) const;
  Tensors body(const detail::Known& known, const Tensors& arguments);
  void run_nodes(const std::vector<Node>& nodes, Scope& scope);
  void run_node(const Node& node, Scope& scope);
  Values call_function(const Function& function, const Node& node, const Values& inputs);
  Values results_of(const class Call& call, const Values& inputs);
  Value read_anew(const TensorData& data);
  const Function* find_function(const Node& node) const;

  const Model& model_;
  const std::string file_;
  const ImportOptions options_;
  std::vector<std::string> strings_;
  std::unordered_map<std::string, std::int64_t> codes_;
  std::vector<std::string> classes_;
  std::unordered_map<const void*, std::string> names_;  // of weights, by their identity
  std::set<std::string> taken_;                         // those names
  std::unordered_map<const void*, Tensor> transposed_;  // by the identity of the weight
  std::set<std::string> used_;                          // what nodes and results ask for
  std::size_t counted_ = 0;
  std::vector<Tensor> kept_;
  std::unordered_map<const void*, Value> read_;  // by the place of their bytes
  int depth_ = 0;
  std::size_t folding_left_;  // bytes that nodes of constants may make
  Leading leading_ = Leading::as_named;
};

}  // namespace mlpjit::onnx
