#include "src/onnx/call.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "mlpjit/create.h"
#include "mlpjit/error.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {

namespace {

// What fractions and roots were before they became a float: those of activations and of encodings.
std::optional<double> known_number(float value) {
  using namespace std::numbers;
  static constexpr double kNumbers[] = {1.0 / 3,
                                        2.0 / 3,
                                        1.0 / 6,
                                        pi,
                                        2 * pi,
                                        pi / 2,
                                        sqrt2,
                                        1 / sqrt2,
                                        e,
                                        ln2,
                                        ln10,
                                        1 / ln2,
                                        inv_sqrtpi,
                                        2 * inv_sqrtpi,
                                        inv_pi,
                                        1.6732632423543772,  // Selu's
                                        1.0507009873554805,
                                        0.7978845608028654};  // sqrt(2 / pi)
  for (const double number : kNumbers) {
    if (value == static_cast<float>(number)) return number;
    if (value == -static_cast<float>(number)) return -number;
  }
  return std::nullopt;
}

}  // namespace

double widened_scalar(double value) {
  const auto narrow = static_cast<float>(value);
  if (static_cast<double>(narrow) != value) return value;
  if (const std::optional<double> known = known_number(narrow)) return *known;
  const double decimal = widened(narrow);
  // Few digits were written by somebody, many may be trained.
  return fmt::format("{:.6g}", decimal) == fmt::format("{}", decimal) ? decimal : value;
}

double widened(float value) {
  if (const std::optional<double> known = known_number(value)) return *known;
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  double result = value;
  if (error == std::errc()) std::from_chars(text.data(), end, result);
  return result;
}

std::string described(const Node& node) {
  const std::string op = node.domain.empty() ? node.op : node.domain + "." + node.op;
  if (!node.name.empty()) return fmt::format("node '{}' ({})", node.name, op);
  return fmt::format("the node of '{}' ({})", node.outputs.empty() ? "" : node.outputs[0], op);
}

Tensor number(double value, const Tensor& x) {
  return full({}, value, x.dtype());
}

Call::Call(Importer& importer, const Node& node, std::int64_t version, const Scope& scope,
           Values inputs)
    : importer_(importer),
      node_(node),
      version_(version),
      scope_(scope),
      inputs_(std::move(inputs)) {}

void Call::fail(const std::string& why) const {
  throw FormatError(fmt::format("{}: {}: {}", importer_.file(), described(node_), why));
}
void Call::need(std::size_t i, const std::string& what) const {
  const std::string why = fmt::format(
      "{}: {}, operator set {}: the network computes its {} (input '{}'), which must be known when "
      "the "
      "model is read",
      importer_.file(), described(node_), version_, what, node_.inputs[i]);
  if (inputs_[i].root) throw detail::NeedsInput(why, *inputs_[i].root);
  throw UnsupportedError(why);
}
void Call::unsupported(const std::string& why) const {
  throw UnsupportedError(fmt::format("{}: {}, operator set {}: {}", importer_.file(),
                                     described(node_), version_, why));
}

const Value& Call::value(std::size_t i) const {
  if (!has(i)) fail(fmt::format("its input {} is left out", i));
  return inputs_[i];
}

std::vector<std::int64_t> integers_of(const Tensor& constant) {
  std::vector<std::int64_t> result;
  detail::computed_now([&] {
    result = cast(constant, DType::i64).to_vector<std::int64_t>();
    return Tensors();
  });
  return result;
}

Tensor Call::x(std::size_t i) const {
  const Value& given = value(i);
  if (given.is_text) unsupported(fmt::format("its input {} holds strings", i));
  return tensor_in(*this, given);
}

Tensor tensor_in(const Call& call, const Value& value) {
  if (value.sequence) call.unsupported("it takes a sequence for a tensor");
  if (value.is_text) call.unsupported("it takes strings");
  if (value.tensor.defined())
    return call.importer().named(value.tensor, value.constant ? value.name : "");
  if (value.product) return dense(value.product->x, value.product->weight);
  return tensor_of(*value.sizes);
}

Tensors Call::all() const {
  Tensors tensors;
  for (std::size_t i = 0; i < inputs_.size(); ++i) tensors.push_back(x(i));
  return tensors;
}

Tensor Call::codes(std::size_t i) const {
  const Value& given = value(i);
  if (!given.is_text) fail(fmt::format("its input {} holds no strings", i));
  return given.tensor;
}

std::vector<Dim> Call::dims(std::size_t i, const char* what) const {
  const Value& given = value(i);
  if (given.sizes) return given.sizes->elements;
  if (!given.constant) need(i, what);
  std::vector<Dim> dims;
  for (const std::int64_t element : integers_of(given.tensor)) dims.emplace_back(element);
  return dims;
}

std::vector<std::int64_t> Call::ints(std::size_t i, const char* what) const {
  std::vector<std::int64_t> result;
  for (const Dim& dim : dims(i, what)) {
    if (!dim.is_static())
      unsupported(fmt::format("its {} depend on the size {}: an exact shape is needed", what,
                              to_string(dim)));
    result.push_back(dim.offset());
  }
  return result;
}

std::int64_t Call::integer(std::size_t i, const char* what) const {
  const std::vector<std::int64_t> values = ints(i, what);
  if (values.size() != 1) fail(fmt::format("its {} is no single number", what));
  return values[0];
}

double Call::number(std::size_t i) const {
  if (!is_constant(i)) need(i, "number");
  if (inputs_[i].tensor.size() != 1) fail(fmt::format("its input {} is no single number", i));
  double result = 0;
  detail::computed_now([&] {
    const Tensor element = cast(reshape(x(i), {}), DType::f64);
    result = element.item<double>();
    return Tensors();
  });
  return result;
}

std::int64_t Call::i(std::string_view name, std::int64_t otherwise) const {
  const Attribute* found = node_.find(name);
  return found == nullptr ? otherwise : found->i;
}
double Call::f(std::string_view name, double otherwise) const {
  const Attribute* found = node_.find(name);
  return found == nullptr ? otherwise : widened(found->f);
}
std::string Call::s(std::string_view name, std::string otherwise) const {
  const Attribute* found = node_.find(name);
  return found == nullptr ? std::move(otherwise) : found->s;
}
std::vector<std::int64_t> Call::ints(std::string_view name) const {
  const Attribute* found = node_.find(name);
  return found == nullptr ? std::vector<std::int64_t>() : found->ints;
}
std::vector<double> Call::floats(std::string_view name) const {
  std::vector<double> result;
  if (const Attribute* found = node_.find(name)) {
    for (const float value : found->floats) result.push_back(widened(value));
  }
  return result;
}
std::vector<std::string> Call::strings(std::string_view name) const {
  const Attribute* found = node_.find(name);
  return found == nullptr ? std::vector<std::string>() : found->strings;
}

const Attribute& Call::attribute(std::string_view name) const {
  const Attribute* found = node_.find(name);
  if (found == nullptr) fail(fmt::format("it has no attribute '{}'", name));
  return *found;
}
const Graph& Call::graph(std::string_view name) const {
  const Attribute& found = attribute(name);
  if (!found.graph) fail(fmt::format("its attribute '{}' is no graph", name));
  return *found.graph;
}
const TensorData& Call::tensor(std::string_view name) const {
  const Attribute& found = attribute(name);
  if (!found.tensor) fail(fmt::format("its attribute '{}' is no tensor", name));
  return *found.tensor;
}

int Call::axis(std::int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) fail(fmt::format("there is no axis {} of {} axes", axis, rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::size_t Call::results() const {
  std::size_t count = node_.outputs.size();
  while (count > 0 && node_.outputs[count - 1].empty()) --count;
  return count;
}

const Definition* find_definition(std::string_view domain, std::string_view name) {
  using Table = std::map<std::string, Definition, std::less<>>;
  const auto table = [](std::vector<std::vector<OpDefinition>> lists) {
    Table made;
    for (std::vector<OpDefinition>& list : lists) {
      for (OpDefinition& op : list) made.emplace(op.name, std::move(op.results));
    }
    return made;
  };
  static const Table onnx = table({math_ops(), shape_ops(), index_ops(), reduce_ops(), neural_ops(),
                                   channel_ops(), search_ops(), sequence_ops(), control_ops()});
  static const Table ml = table({ml_ops()});
  static const Table own = table({own_ops()});
  static const Table fused = table({fused_ops()});
  const Table* ops = domain.empty()              ? &onnx
                     : domain == "ai.onnx.ml"    ? &ml
                     : domain == kOwnDomain      ? &own
                     : domain == "com.microsoft" ? &fused
                                                 : nullptr;
  if (ops == nullptr) return nullptr;
  // Of an op of ours with several bodies each has a number: "dense.2".
  if (ops == &own) name = name.substr(0, name.find('.'));
  const auto found = ops->find(name);
  return found == ops->end() ? nullptr : &found->second;
}

}  // namespace mlpjit::onnx
