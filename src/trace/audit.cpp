#include "src/trace/audit.h"

#include "lib/ir/text.h"
#include "lib/support/format_tensor.h"
#include "src/core/log.h"

namespace mlpjit::detail {

namespace {

class Audit {
 public:
  Audit(const Trace& first, const Trace& second)
      : first_(first), second_(second), a_(first.graph->main()), b_(second.graph->main()) {}

  std::vector<std::string> run() {
    inputs();
    region(ir::Function::kBody, ir::Function::kBody);
    if (a_.updates().size() != b_.updates().size())
      lines_.push_back("the traces update different tensors in place");
    if (a_.body().results.size() != b_.body().results.size())
      lines_.push_back("the traces give different numbers of results");
    return std::move(lines_);
  }

 private:
  static std::string place(const ir::Function& function, const ir::Op& op) {
    std::string text = op.path.empty() ? std::string() : "layer '" + op.path + "': ";
    if (!op.results.empty()) text += "%" + function.value(op.results[0]).name + " = ";
    return text + std::string(ir::to_string(op.opcode));
  }

  static std::string value(const ir::AttrValue& attr) {
    if (const auto* literal = std::get_if<ir::Literal>(&attr)) {
      return support::format_tensor(literal->dtype, literal->shape, literal->data());
    }
    if (const auto* text = std::get_if<std::string>(&attr)) return "\"" + *text + "\"";
    if (const auto* number = std::get_if<double>(&attr)) return std::to_string(*number);
    if (const auto* integer = std::get_if<std::int64_t>(&attr)) return std::to_string(*integer);
    if (const auto* flag = std::get_if<bool>(&attr)) return *flag ? "true" : "false";
    if (const auto* shape = std::get_if<Shape>(&attr)) return to_string(*shape);
    if (const auto* dtype = std::get_if<DType>(&attr)) return std::string(to_string(*dtype));
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(&attr)) {
      std::string text = "[";
      for (const std::int64_t item : *list)
        text += (text.size() > 1 ? ", " : "") + std::to_string(item);
      return text + "]";
    }
    return "another value";
  }

  void inputs() {
    const std::size_t count = std::min(first_.inputs.size(), second_.inputs.size());
    for (std::size_t i = 0; i < count; ++i) {
      const ir::Input& input = a_.inputs()[i];
      if (TensorAccess::impl(first_.inputs[i].tensor) ==
          TensorAccess::impl(second_.inputs[i].tensor))
        continue;
      lines_.push_back(
          std::string(ir::to_string(input.kind)) + " " + input.name +
          " is another tensor in the second trace: the function's variable was bound anew");
    }
    if (first_.inputs.size() != second_.inputs.size()) {
      lines_.push_back("the traces use " + std::to_string(first_.inputs.size()) + " and " +
                       std::to_string(second_.inputs.size()) + " tensors from outside");
    }
  }

  void region(ir::RegionId first, ir::RegionId second) {
    const std::vector<ir::OpId>& x = a_.region(first).ops;
    const std::vector<ir::OpId>& y = b_.region(second).ops;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!op(a_.op(x[i]), b_.op(y[i]))) return;  // from here on nothing corresponds
    }
    if (x.size() != y.size()) {
      lines_.push_back("the traces have " + std::to_string(x.size()) + " and " +
                       std::to_string(y.size()) +
                       " ops: the number of rounds of a C++ loop differs");
    }
  }

  bool op(const ir::Op& x, const ir::Op& y) {
    if (x.opcode != y.opcode || x.operands.size() != y.operands.size() ||
        x.regions.size() != y.regions.size()) {
      lines_.push_back(place(a_, x) + ": the second trace has " +
                       std::string(ir::to_string(y.opcode)) +
                       " here: a C++ branch went another way");
      return false;
    }
    for (const auto& [name, attr] : x.attrs) {
      const ir::AttrValue* other = y.attrs.find(name);
      const bool same = other != nullptr && ir::Attrs{{name, attr}} == ir::Attrs{{name, *other}};
      if (same) continue;
      lines_.push_back(place(a_, x) + ": " + name + " is " + value(attr) +
                       ", in the second trace " + (other != nullptr ? value(*other) : "absent") +
                       ": a C++ value is baked into the program");
    }
    for (std::size_t i = 0; i < x.operands.size(); ++i) {
      if (x.operands[i] == y.operands[i]) continue;
      lines_.push_back(place(a_, x) + ": operand " + std::to_string(i) +
                       " is another value in the second trace");
    }
    for (std::size_t i = 0; i < x.regions.size(); ++i) region(x.regions[i], y.regions[i]);
    return true;
  }

  const Trace& first_;
  const Trace& second_;
  const ir::Function& a_;
  const ir::Function& b_;
  std::vector<std::string> lines_;
};

}  // namespace

CheckedTrace trace_checked(const std::function<Tensors(const Tensors&)>& function,
                           std::span<const ArgumentSpec> arguments,
                           const ParameterResolver& resolver, bool audit, const std::string& name) {
  CheckedTrace result{trace_function(function, arguments, resolver), {}};
  if (const std::optional<std::string> value = escaped_value(result.trace)) {
    const std::string text = "a C++ variable outside of the traced code holds " + *value +
                             " after the trace: assigning it, as in h = h + x, happens once, while "
                             "tracing, not at every "
                             "call";
    if (!audit) {
      throw TraceError(name + ": " + text +
                       "; write h.assign(h + x) to update the tensor, or return the value as a "
                       "further result");
    }
    result.audit.push_back(text);
  }
  if (!audit) return result;
  try {
    const Trace second = trace_function(function, arguments, resolver);
    for (std::string& line : audit_differences(result.trace, second))
      result.audit.push_back(std::move(line));
  } catch (const TraceError& e) {
    // Where a variable was assigned, the second trace meets a value of the first.
    if (result.audit.empty())
      result.audit.push_back(std::string("the second trace failed: ") + e.what());
  }
  for (const std::string& line : result.audit) warn("audit of " + name + ": " + line);
  return result;
}

std::vector<std::string> audit_differences(const Trace& first, const Trace& second) {
  return Audit(first, second).run();
}

}  // namespace mlpjit::detail
