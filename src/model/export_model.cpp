#include "src/model/export_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "lib/ir/copy.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/verify.h"
#include "lib/support/file.h"
#include "mlpjit/error.h"
#include "src/block/parameter_state.h"
#include "src/model/parameter_file.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {
namespace {

ir::Literal literal_of(const Tensor& tensor, const ir::Type& type) {
  const TensorImpl& impl = *TensorAccess::impl(tensor);
  if (impl.weak == WeakKind::none) return ir::make_literal(type.dtype, type.shape, impl.data());
  // A C++ scalar: its input has the widest type of its kind.
  const bool boolean = type.dtype == DType::boolean;
  return ir::make_literal(type.dtype, {},
                          boolean ? static_cast<const void*>(impl.scalar) : &impl.wide);
}

class Portable {
 public:
  Portable(const Trace& trace, const std::vector<ParameterName>& parameters,
           const nn::ExportOptions& options)
      : trace_(trace),
        parameters_(parameters),
        options_(options),
        from_(trace.graph->main()),
        graph_(std::make_shared<ir::Graph>()),
        to_(graph_->add_function("main")),
        copy_(from_, to_, ir::Copier::Names::numbered),
        new_input_(from_.inputs().size(), SIZE_MAX) {}

  PortableModel make();

 private:
  void input(std::size_t i, const std::string& name);
  void parameters();
  void captures();
  void name_values();
  std::string distinct(const std::string& base);
  bool updated(std::size_t input) const {
    return std::any_of(from_.updates().begin(), from_.updates().end(),
                       [&](const ir::Update& update) { return update.input == input; });
  }

  const Trace& trace_;
  const std::vector<ParameterName>& parameters_;
  const nn::ExportOptions& options_;
  const ir::Function& from_;
  std::shared_ptr<ir::Graph> graph_;
  ir::Function& to_;
  ir::Copier copy_;
  std::vector<std::size_t> new_input_;
  std::unordered_map<std::string, std::size_t> used_;  // how often a name was asked for
  PortableModel model_;
};

void Portable::input(std::size_t i, const std::string& name) {
  const ir::ValueId argument = from_.body().arguments[i];
  new_input_[i] = to_.inputs().size();
  copy_.bind(argument,
             to_.add_input({from_.inputs()[i].kind, name}, from_.value(argument).type, name));
}

// In their own order, not of their first use.
void Portable::parameters() {
  std::unordered_map<std::string, std::size_t> used;
  for (std::size_t i = 0; i < trace_.inputs.size(); ++i) {
    if (trace_.inputs[i].kind == ir::InputKind::parameter) used.emplace(from_.inputs()[i].name, i);
  }
  for (const auto& [path, aliases] : parameters_) {
    const auto found = used.find(path);
    if (found == used.end()) continue;
    input(found->second, path);
    model_.tensors[path] = trace_.inputs[found->second].tensor;
    if (!aliases.empty()) model_.symbol.aliases[path] = aliases;
  }
}

void Portable::captures() {
  std::size_t next = 0;
  for (std::size_t i = 0; i < trace_.inputs.size(); ++i) {
    const Binding& binding = trace_.inputs[i];
    if (binding.kind != ir::InputKind::capture) continue;
    const ir::ValueId argument = from_.body().arguments[i];
    if (!updated(i)) {
      const ir::OpId op =
          to_.append(ir::Function::kBody, ir::Opcode::constant, {},
                     {{"value", literal_of(binding.tensor, from_.value(argument).type)}});
      copy_.bind(argument, to_.result(op));
      continue;
    }
    std::string name;
    do {
      name = fmt::format("capture.{}", next++);
    } while (model_.tensors.contains(name));
    input(i, name);
    model_.tensors[name] = binding.tensor;
  }
}

std::string Portable::distinct(const std::string& base) {
  const std::size_t before = used_[base]++;
  return before == 0 ? base : fmt::format("{}_{}", base, before);
}

// Values are called after the layer and the op that made them.
void Portable::name_values() {
  for (std::size_t i = 0; i < to_.op_count(); ++i) {
    const ir::Op& op = to_.op(ir::OpId(i));
    const std::string base =
        distinct((op.path.empty() ? "" : op.path + ".") + std::string(ir::to_string(op.opcode)));
    const std::vector<ir::ValueId> results = op.results;
    const std::vector<ir::RegionId> regions = op.regions;
    for (std::size_t r = 0; r < results.size(); ++r) {
      to_.set_name(results[r], results.size() == 1 ? base : fmt::format("{}.{}", base, r));
    }
    for (std::size_t r = 0; r < regions.size(); ++r) {
      const std::vector<ir::ValueId>& arguments = to_.region(regions[r]).arguments;
      for (std::size_t a = 0; a < arguments.size(); ++a)
        to_.set_name(arguments[a], fmt::format("{}.region{}.{}", base, r, a));
    }
  }
}

PortableModel Portable::make() {
  std::size_t next = 0;
  for (std::size_t i = 0; i < trace_.inputs.size(); ++i) {
    if (trace_.inputs[i].kind != ir::InputKind::argument) continue;
    const bool named = next < options_.input_names.size();
    input(i, named ? options_.input_names[next++] : from_.inputs()[i].name);
  }
  parameters();
  captures();
  for (const ir::InputKind kind : {ir::InputKind::state, ir::InputKind::token}) {
    for (std::size_t i = 0; i < trace_.inputs.size(); ++i) {
      if (trace_.inputs[i].kind == kind) input(i, from_.inputs()[i].name);
    }
  }
  copy_.ops(ir::Function::kBody, ir::Function::kBody);
  to_.body().results = copy_[from_.body().results];
  for (const ir::Update& update : from_.updates()) {
    to_.updates().push_back(
        {static_cast<std::uint32_t>(new_input_[update.input]), copy_[update.value]});
  }
  std::sort(to_.updates().begin(), to_.updates().end(),
            [](const ir::Update& a, const ir::Update& b) { return a.input < b.input; });
  name_values();
  ir::verify_or_throw(*graph_, "export");
  model_.symbol.graph = graph_;
  model_.symbol.head_names = options_.output_names;
  for (std::size_t i = model_.symbol.head_names.size(); i < to_.body().results.size(); ++i)
    model_.symbol.head_names.push_back(fmt::format("y{}", i));
  model_.symbol.training = options_.training;
  model_.symbol.classes = options_.classes;
  model_.symbol.metadata = options_.metadata;
  return std::move(model_);
}

void check_names(const char* call, const char* what, const std::vector<std::string>& names,
                 std::size_t count) {
  if (names.size() != count) {
    throw UserError(fmt::format("{}: {} names of {}s were given, the network has {}", call,
                                names.size(), what, count));
  }
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (name.empty() || !seen.insert(name).second) {
      throw UserError(fmt::format("{}: names of {}s are distinct and not empty, '{}' is not", call,
                                  what, name));
    }
  }
}

}  // namespace

void check_input_names(const char* call, const Trace& trace,
                       const std::vector<std::string>& names) {
  if (names.empty()) return;
  const auto arguments =
      std::count_if(trace.inputs.begin(), trace.inputs.end(),
                    [](const Binding& binding) { return binding.kind == ir::InputKind::argument; });
  check_names(call, "input", names, static_cast<std::size_t>(arguments));
}

std::vector<ParameterName> names_of(const nn::ParameterDict& parameters) {
  std::vector<std::vector<std::string>> aliases = ParameterAccess::aliases(parameters);
  std::vector<ParameterName> names;
  for (const auto& [path, parameter] : parameters)
    names.push_back({path, std::move(aliases[names.size()])});
  return names;
}

PortableModel portable_model(const Trace& trace, const std::vector<ParameterName>& parameters,
                             const nn::ExportOptions& options) {
  if (!options.output_names.empty())
    check_names("export_model", "output", options.output_names, trace.results.size());
  check_input_names("export_model", trace, options.input_names);
  return Portable(trace, parameters, options).make();
}

namespace {

void describe_types(const ir::Function& main, nn::ExportedModel& written) {
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    if (main.inputs()[i].kind != ir::InputKind::argument) continue;
    const ir::Type& type = main.value(main.body().arguments[i]).type;
    written.inputs.push_back({type.dtype, type.shape});
  }
  for (const ir::Type& type : main.types(main.body().results))
    written.outputs.push_back({type.dtype, type.shape});
}

}  // namespace

nn::ExportedModel write_model(PortableModel model, const std::string& prefix) {
  nn::ExportedModel written{prefix + "-symbol.json", prefix + "-0000.params", {}, {}};
  WrittenConstants constants(model.tensors);
  const std::string text = write_symbol(model.symbol, constants);
  // Both are whole before either takes its place. A reader that comes between the two finds the
  // parameters that the new program needs.
  support::OutputFile params(written.params), symbol(written.symbol);
  write_tensors(params, written.params, model.tensors);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  symbol.write({&bytes, 1});
  params.publish();
  symbol.publish();
  describe_types(model.symbol.graph->main(), written);
  return written;
}

nn::ExportedModel write_one_file(PortableModel model, const std::string& path) {
  nn::ExportedModel written{path, path, {}, {}};
  WrittenConstants constants(model.tensors);
  model.tensors.metadata[kSymbolMetadata] = write_symbol(model.symbol, constants);
  support::OutputFile file(path);
  write_tensors(file, path, model.tensors);
  file.publish();
  describe_types(model.symbol.graph->main(), written);
  return written;
}

}  // namespace mlpjit::detail
