// What a model takes and gives: its inputs, with a symbol for each size that the file leaves open,
// and the names of its outputs.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "mlpjit/error.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

// A symbol that texts can hold; exporters write "batch", "unk__6", "s77", "floor(n/2)".
std::string symbol_of(const std::string& name) {
  std::string symbol;
  for (const char c : name) {
    const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    symbol += letter ? c : '_';
  }
  if (symbol.empty() || std::isdigit(static_cast<unsigned char>(symbol[0])) != 0)
    symbol = "n" + symbol;
  return symbol;
}

// A symbol for each name, however alike they become.
class Symbols {
 public:
  std::string of(const std::string& name, const std::string& wanted) {
    const auto found = known_.find(name);
    if (found != known_.end()) return found->second;
    std::string symbol = wanted;
    for (int again = 2; !taken_.insert(symbol).second; ++again)
      symbol = fmt::format("{}_{}", wanted, again);
    return known_[name] = symbol;
  }

 private:
  std::map<std::string, std::string> known_;
  std::set<std::string> taken_;
};

// tf2onnx gives each size that it does not know a name of its own.
bool says_nothing(const std::string& name) {
  return name.empty() || name.starts_with("unk__") || name == "?";
}

// Ops that keep the last axis as it is.
bool keeps_width(const Node& node) {
  static const std::set<std::string, std::less<>> kOps = {
      "Cast", "Identity", "Normalizer", "Binarizer", "Relu",
      "Tanh", "Sigmoid",  "Clip",       "Imputer",   "Scaler"};
  return kOps.contains(node.op);
}

// How many columns a node takes of its first input, by its weights; 0 where they do not say.
std::int64_t width_of(const Node& node, const std::map<std::string, const TensorData*>& constants) {
  const auto dims = [&](std::size_t i) -> const std::vector<std::int64_t>* {
    if (i >= node.inputs.size()) return nullptr;
    const auto found = constants.find(node.inputs[i]);
    return found == constants.end() ? nullptr : &found->second->dims;
  };
  const auto count = [&](const char* name) -> std::int64_t {
    const Attribute* found = node.find(name);
    return found == nullptr ? 0 : static_cast<std::int64_t>(found->floats.size());
  };
  if (const std::vector<std::int64_t>* b = dims(1); b != nullptr && !b->empty()) {
    const Attribute* turned = node.find("transB");
    if (node.op == "Gemm" && b->size() == 2)
      return (*b)[turned != nullptr && turned->i != 0 ? 1 : 0];
    if (node.op == "MatMul" && b->size() >= 2) return (*b)[b->size() - 2];
    const bool arithmetic =
        node.op == "Sub" || node.op == "Div" || node.op == "Add" || node.op == "Mul";
    if ((arithmetic || node.op == "BatchNormalization") && b->back() > 1) return b->back();
  }
  if (node.op == "Scaler")
    return std::max(count("offset"), count("scale")) > 1 ? std::max(count("offset"), count("scale"))
                                                         : 0;
  if (node.op == "Imputer")
    return count("imputed_value_floats") > 1 ? count("imputed_value_floats") : 0;
  if (node.op == "LinearRegressor") {
    const Attribute* targets = node.find("targets");
    return count("coefficients") / std::max<std::int64_t>(targets == nullptr ? 1 : targets->i, 1);
  }
  if (node.op == "LinearClassifier")
    return count("coefficients") / std::max<std::int64_t>(count("intercepts"), 1);
  return 0;
}

}  // namespace

// Exporters leave sizes out that the weights say: those of the first layer that the input reaches.
std::int64_t Importer::known_width(const std::string& input) const {
  std::map<std::string, const TensorData*> constants;
  for (const TensorData& tensor : model_.graph.initializers) constants[tensor.name] = &tensor;
  for (const Node& node : model_.graph.nodes) {
    if (node.op == "Constant" && !node.attributes.empty() && node.attributes[0].tensor &&
        !node.outputs.empty())
      constants[node.outputs[0]] = node.attributes[0].tensor.get();
  }
  std::set<std::string> reached{input};
  for (const Node& node : model_.graph.nodes) {
    if (node.inputs.empty() || !reached.contains(node.inputs[0])) continue;
    if (const std::int64_t width = width_of(node, constants); width > 0) return width;
    if (keeps_width(node) && !node.outputs.empty()) reached.insert(node.outputs[0]);
  }
  return 0;
}

std::vector<detail::FunctionModel::Input> Importer::inputs() const {
  std::set<std::string> given;  // up to IR version 3 every initializer is an input as well
  for (const TensorData& tensor : model_.graph.initializers) given.insert(tensor.name);
  std::vector<detail::FunctionModel::Input> inputs;
  Symbols symbols;
  for (const ValueInfo& info : model_.graph.inputs) {
    if (given.contains(info.name)) continue;
    const std::string what = fmt::format("input '{}'", info.name);
    if (info.kind != ValueInfo::Kind::tensor) {
      throw UnsupportedError(fmt::format(
          "{}: {} is no tensor: sequences, maps and optionals are not read", file_, what));
    }
    const DType dtype = is_small(info.type) ? DType::i32 : dtype_of(info.type, what);
    if (!info.has_shape) {
      const std::int64_t width = known_width(info.name);
      if (width == 0) {
        throw UnsupportedError(
            fmt::format("{}: {} has no shape: its number of axes must be known", file_, what));
      }
      const Dim rows = dim(symbols.of("", "B"));
      inputs.push_back({info.name, dtype, {rows, Dim(width)}});
      continue;
    }
    Shape shape;
    for (std::size_t axis = 0; axis < info.shape.size(); ++axis) {
      const Dimension& size = info.shape[axis];
      if (shape.rank() == kMaxRank)
        throw UnsupportedError(fmt::format("{}: {} has more than {} axes", file_, what, kMaxRank));
      const bool unnamed = says_nothing(size.name);
      if (size.size >= 0 && size.name.empty() &&
          !(size.size == 0 && axis == 0 && leading_ != Leading::as_named)) {
        shape.push_back(Dim(size.size));
      } else if (axis == 0 && (unnamed || leading_ >= Leading::one_symbol)) {
        shape.push_back(dim(symbols.of("", "B")));
      } else if (const std::int64_t width =
                     axis + 1 == info.shape.size() && (unnamed || leading_ == Leading::known_widths)
                         ? known_width(info.name)
                         : 0;
                 width > 0) {
        shape.push_back(Dim(width));
      } else if (leading_ >= Leading::one_per_axis) {
        shape.push_back(dim(symbols.of(fmt::format("\n{}", axis), fmt::format("n{}", axis))));
      } else if (unnamed) {
        const std::string place = fmt::format("n{}_{}", inputs.size(), axis);
        shape.push_back(dim(symbols.of("\n" + place, place)));
      } else {
        shape.push_back(dim(symbols.of(size.name, symbol_of(size.name))));
      }
    }
    inputs.push_back({info.name, dtype, shape});
  }
  return inputs;
}

// A sequence has an output for each of its elements, as many as the node says that makes it.
std::vector<std::string> Importer::names_of(const ValueInfo& output) const {
  for (const Node& node : model_.graph.nodes) {
    if (node.op != "SequenceConstruct" || node.outputs.empty() || node.outputs[0] != output.name)
      continue;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      names.push_back(fmt::format("{}_{}", output.name, i));
    return names;
  }
  return {output.name};
}

}  // namespace mlpjit::onnx
