#pragma once
// A node that is being read: its inputs and attributes, as the definitions of the ops ask for them.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/exchange/onnx_model.h"
#include "src/onnx/value.h"

namespace mlpjit::onnx {

class Scope;
class Importer;

class Call {
 public:
  Call(Importer& importer, const Node& node, std::int64_t version, const Scope& scope,
       Values inputs);

  const Node& node() const { return node_; }
  // Of the operator set.
  std::int64_t version() const { return version_; }
  Importer& importer() const { return importer_; }
  const Scope& scope() const { return scope_; }

  std::size_t count() const { return inputs_.size(); }
  bool has(std::size_t i) const { return i < inputs_.size() && !inputs_[i].absent(); }
  const Value& value(std::size_t i) const;
  // As a tensor. Throws FormatError where the input is left out or holds strings.
  Tensor x(std::size_t i) const;
  Tensors all() const;
  // The codes of strings.
  Tensor codes(std::size_t i) const;
  Shape shape(std::size_t i) const { return x(i).shape(); }
  bool is_constant(std::size_t i) const { return has(i) && inputs_[i].constant; }
  // The elements of an operand that must be known when the model is read. Throws UnsupportedError
  // where it is computed by the network.
  std::vector<Dim> dims(std::size_t i, const char* what) const;
  std::vector<std::int64_t> ints(std::size_t i, const char* what) const;
  std::int64_t integer(std::size_t i, const char* what) const;
  // The single number of a constant.
  double number(std::size_t i) const;

  bool has_attribute(std::string_view name) const { return node_.find(name) != nullptr; }
  std::int64_t i(std::string_view name, std::int64_t otherwise) const;
  double f(std::string_view name, double otherwise) const;
  std::string s(std::string_view name, std::string otherwise) const;
  std::vector<std::int64_t> ints(std::string_view name) const;
  std::vector<double> floats(std::string_view name) const;
  std::vector<std::string> strings(std::string_view name) const;
  const Graph& graph(std::string_view name) const;
  const TensorData& tensor(std::string_view name) const;

  // An axis counted from the front.
  int axis(std::int64_t axis, int rank) const;
  // The number of results that are used.
  std::size_t results() const;
  // Where the value of input i must be known: throws detail::NeedsInput where it may be asked for.
  [[noreturn]] void need(std::size_t i, const std::string& what) const;
  [[noreturn]] void fail(const std::string& why) const;         // FormatError
  [[noreturn]] void unsupported(const std::string& why) const;  // UnsupportedError

 private:
  const Attribute& attribute(std::string_view name) const;

  Importer& importer_;
  const Node& node_;
  std::int64_t version_;
  const Scope& scope_;
  Values inputs_;
};

// The nearest double of the shortest decimal that gives this float: 0.1f is 0.1; and 1/3, pi and
// their like where the float is theirs.
double widened(float value);
// The same of a number in f64 that was a float before; any other stays as it is, and so does one of
// many digits.
double widened_scalar(double value);

// "node 'fc1' (Gemm)".
std::string described(const Node& node);

// A definition of an op: the results of a call.
using Definition = std::function<Values(const Call&)>;
struct OpDefinition {
  const char* name;
  Definition results;
};
// Of the op of a domain; null where there is none.
const Definition* find_definition(std::string_view domain, std::string_view name);

// The tables, by file.
std::vector<OpDefinition> math_ops();
std::vector<OpDefinition> shape_ops();
std::vector<OpDefinition> index_ops();
std::vector<OpDefinition> channel_ops();
std::vector<OpDefinition> sequence_ops();
std::vector<OpDefinition> reduce_ops();
std::vector<OpDefinition> neural_ops();
std::vector<OpDefinition> search_ops();
std::vector<OpDefinition> control_ops();
std::vector<OpDefinition> ml_ops();
std::vector<OpDefinition> own_ops();
std::vector<OpDefinition> fused_ops();

// A value as a tensor. Throws UnsupportedError where it is a sequence, or of strings.
Tensor tensor_in(const Call& call, const Value& value);

// The elements of a constant of integers or bools.
std::vector<std::int64_t> integers_of(const Tensor& constant);

// The results of an op on sizes, where it can be said without running it.
std::optional<Values> computed_on_sizes(const Call& call);
// A tensor of sizes.
Tensor tensor_of(const Sizes& sizes);
// Sizes, or a constant where all are known.
Value value_of(Sizes sizes);

// A number of x's dtype.
Tensor number(double value, const Tensor& x);

inline Values one(Tensor tensor) {
  return {computed(std::move(tensor))};
}

}  // namespace mlpjit::onnx
