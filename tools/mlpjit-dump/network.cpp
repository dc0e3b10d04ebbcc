#include "tools/mlpjit-dump/network.h"

#include <fmt/format.h>

#include <algorithm>

#include "mlpjit/error.h"
#include "tools/layer_sizes.h"

namespace mlpjit::dump {

std::optional<std::vector<std::int64_t>> parse_sizes(const std::string& text) {
  const bool looks_like_sizes =
      !text.empty() && text != "-" && text.find_first_not_of("0123456789-") == std::string::npos;
  if (!looks_like_sizes) return std::nullopt;
  return tools::parse_layer_sizes(text);
}

std::vector<std::string> activation_names() {
  std::vector<std::string> names = {"none"};
  for (const ir::OpInfo& op : ir::all_ops()) {
    if (op.arity == 1 && op.results == 1 && op.has(ir::kElementwise) && op.attrs.empty())
      names.emplace_back(op.name);
  }
  std::erase(names, "logical_not");
  return names;
}

ir::Graph make_network(const NetworkSpec& spec) {
  const std::vector<std::string> activations = activation_names();
  if (std::find(activations.begin(), activations.end(), spec.activation) == activations.end()) {
    throw UserError(fmt::format("activation '{}': expected one of {}", spec.activation,
                                fmt::join(activations, ", ")));
  }
  ir::Graph graph;
  ir::Function& main = graph.add_function("main");
  const auto type = [&spec](std::initializer_list<Dim> dims) {
    return ir::Type{spec.dtype, Shape(dims), false};
  };
  ir::ValueId x =
      main.add_input({ir::InputKind::argument, "x"}, type({spec.batch, spec.sizes.front()}), "x");
  for (std::size_t i = 1; i < spec.sizes.size(); ++i) {
    const std::string path = std::to_string(i - 1);
    const auto parameter = [&](const char* name, const ir::Type& of) {
      return main.add_input({ir::InputKind::parameter, path + "." + name}, of, name + path);
    };
    const ir::ValueId weight = parameter("weight", type({spec.sizes[i], spec.sizes[i - 1]}));
    const ir::ValueId bias = parameter("bias", type({spec.sizes[i]}));
    x = main.result(
        main.append(ir::Function::kBody, ir::Opcode::dense, {x, weight, bias}, {}, {}, path));
    if (spec.activation == "none" || i + 1 == spec.sizes.size()) continue;
    x = main.result(main.append(ir::Function::kBody, *ir::opcode_from_name(spec.activation), {x},
                                {}, {}, path));
  }
  main.body().results = {x};
  return graph;
}

}  // namespace mlpjit::dump
