// The text form, from a graph. What is printed can be parsed (docs/ir.md), unless the graph is
// broken: the printer shows that too, so that a fault can be looked at.

#include "lib/ir/printer.h"

#include <unordered_map>

#include "lib/ir/lexer.h"
#include "lib/ir/literal_text.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"

namespace mlpjit::ir {
namespace {

constexpr std::size_t kColumns = 80;  // of the inputs of a function on one line

using FunctionNames = std::unordered_map<std::string, std::string>;

class FunctionPrinter {
 public:
  FunctionPrinter(const Function& function, const PrintStyle& style, const FunctionNames& functions,
                  std::string& out)
      : function_(function), style_(style), functions_(functions), out_(out) {}

  void print();

 private:
  void print_inputs();
  void print_op(OpId id, int indent);
  void print_region(RegionId id, int indent);
  void print_values(const std::vector<ValueId>& ids);
  void print_types(const std::vector<ValueId>& ids);
  std::string value_name(ValueId id);
  std::string function_name(const std::string& name) const;
  void line(int indent) { out_.append(static_cast<std::size_t>(indent), ' '); }

  const Function& function_;
  const PrintStyle& style_;
  const FunctionNames& functions_;
  std::string& out_;
  std::unordered_map<ValueId, std::size_t> numbers_;
};

std::string FunctionPrinter::value_name(ValueId id) {
  if (id.index >= function_.value_count()) return "%<invalid>";
  if (!style_.canonical) return "%" + quoted_name(function_.value(id).name);
  return "%" + std::to_string(numbers_.emplace(id, numbers_.size()).first->second);
}

std::string FunctionPrinter::function_name(const std::string& name) const {
  const auto renamed = functions_.find(name);
  return "@" + (renamed == functions_.end() ? quoted_name(name) : renamed->second);
}

void FunctionPrinter::print_values(const std::vector<ValueId>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out_ += ", ";
    out_ += value_name(ids[i]);
  }
}

void FunctionPrinter::print_types(const std::vector<ValueId>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out_ += ", ";
    out_ += ids[i].index < function_.value_count() ? to_string(function_.value(ids[i]).type)
                                                   : std::string("<invalid>");
  }
}

std::string binding_text(const Input& input, const std::string& value_name, bool canonical) {
  switch (input.kind) {
    case InputKind::argument:
      if (canonical || input.name == value_name) return "";
      return " = argument " + quoted(input.name);
    case InputKind::parameter: return " = param" + (canonical ? "" : " " + quoted(input.name));
    case InputKind::capture: {
      bool number = !input.name.empty();
      for (char c : input.name) number = number && c >= '0' && c <= '9';
      return " = capture" + (canonical ? "" : " " + (number ? input.name : quoted(input.name)));
    }
    case InputKind::state:
      return canonical || input.name == "state" ? " = state" : " = state " + quoted(input.name);
    case InputKind::token:
      return canonical || input.name == "token" ? " = token" : " = token " + quoted(input.name);
  }
  return "";
}

// On one line, or, where that would be too long, each on its own.
void FunctionPrinter::print_inputs() {
  const std::vector<ValueId>& arguments = function_.body().arguments;
  std::vector<std::string> texts;
  std::size_t columns = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Value& value = function_.value(arguments[i]);
    std::string text = value_name(arguments[i]) + ": " + to_string(value.type);
    if (i < function_.inputs().size()) {
      text += binding_text(function_.inputs()[i], value.name, style_.canonical);
    }
    columns += text.size() + 2;
    texts.push_back(std::move(text));
  }
  const bool wrap = columns > kColumns && !style_.canonical;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out_ += wrap ? "," : ", ";
    if (wrap) out_ += "\n    ";
    out_ += texts[i];
  }
}

void FunctionPrinter::print() {
  out_ += "func " + function_name(function_.name()) + "(";
  print_inputs();
  out_ += ") -> (";
  print_types(function_.body().results);
  out_ += ") {\n";
  for (OpId op : function_.body().ops) print_op(op, 2);
  out_ += "  return";
  if (!function_.body().results.empty()) out_ += " ";
  print_values(function_.body().results);
  const char* separator = " update ";
  for (const Update& update : function_.updates()) {
    out_ += separator;
    out_ += update.input < function_.body().arguments.size()
                ? value_name(function_.body().arguments[update.input])
                : "%<invalid>";
    out_ += " = " + value_name(update.value);
    separator = ", ";
  }
  out_ += "\n}\n";
}

void FunctionPrinter::print_op(OpId id, int indent) {
  const Op& op = function_.op(id);
  line(indent);
  if (!op.results.empty()) {
    print_values(op.results);
    out_ += " = ";
  }
  out_ += to_string(op.opcode);
  const AttrValue* callee = op.attrs.find("callee");
  if (op.opcode == Opcode::call && callee != nullptr) {
    out_ += " " + function_name(std::get<FunctionRef>(*callee).name) + "(";
    print_values(op.operands);
    out_ += ")";
  } else {
    if (op.opcode == Opcode::print && op.attrs.find("text") != nullptr) {
      out_ += " " + quoted(op.attrs.get<std::string>("text"));
    }
    if (op.opcode == Opcode::constant && op.attrs.find("value") != nullptr) {
      const auto& value = op.attrs.get<Literal>("value");
      out_ += " " + (style_.canonical ? literal_bytes_text(value) : literal_text(value, indent));
    }
    if (!op.operands.empty()) out_ += " ";
    print_values(op.operands);
  }
  out_ += attrs_text(op, indent, style_);
  for (RegionId region : op.regions) print_region(region, indent);
  if (!op.results.empty() && op.opcode != Opcode::constant) {
    out_ += " : ";
    print_types(op.results);
  }
  if (!op.path.empty() && !style_.canonical) out_ += " @" + quoted(op.path);
  out_ += "\n";
}

void FunctionPrinter::print_region(RegionId id, int indent) {
  const Region& region = function_.region(id);
  out_ += " {\n";
  if (!region.arguments.empty()) {
    line(indent + 2);
    out_ += "^(";
    for (std::size_t i = 0; i < region.arguments.size(); ++i) {
      if (i > 0) out_ += ", ";
      out_ += value_name(region.arguments[i]) + ": " +
              to_string(function_.value(region.arguments[i]).type);
    }
    out_ += ")\n";
  }
  for (OpId op : region.ops) print_op(op, indent + 2);
  line(indent + 2);
  out_ += "yield";
  if (!region.results.empty()) out_ += " ";
  print_values(region.results);
  out_ += "\n";
  line(indent);
  out_ += "}";
}

std::string attr_text(const AttrValue& value, int indent, const PrintStyle& style) {
  struct Visitor {
    int indent;
    const PrintStyle& style;
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return number_text(number); }
    std::string operator()(const std::string& text) const { return quoted(text); }
    std::string operator()(const std::vector<std::int64_t>& numbers) const {
      std::string text;
      for (std::int64_t number : numbers) {
        text += (text.empty() ? "" : ", ") + std::to_string(number);
      }
      return "[" + text + "]";
    }
    std::string operator()(DType dtype) const { return std::string(to_string(dtype)); }
    std::string operator()(const Shape& shape) const { return to_string(shape); }
    std::string operator()(const Literal& literal) const {
      return style.canonical ? literal_bytes_text(literal) : literal_text(literal, indent);
    }
    std::string operator()(const FunctionRef& function) const {
      return "@" + quoted_name(function.name);
    }
  };
  return std::visit(Visitor{indent, style}, value);
}

}  // namespace

std::string attrs_text(const Op& op, int indent, const PrintStyle& style) {
  std::string text;
  for (const auto& [name, value] : op.attrs) {
    // These stand right after the op.
    if (op.opcode == Opcode::call && name == "callee") continue;
    if (op.opcode == Opcode::print && name == "text") continue;
    if (op.opcode == Opcode::constant && name == "value") continue;
    text += (text.empty() ? " {" : ", ") + name + " = " + attr_text(value, indent, style);
  }
  return text.empty() ? text : text + "}";
}

std::string print(const Graph& graph, const PrintStyle& style) {
  FunctionNames functions;
  if (style.canonical) {
    for (const auto& function : graph.functions()) {
      if (function->name() != "main") {
        functions.emplace(function->name(), "f" + std::to_string(functions.size()));
      }
    }
  }
  std::string text;
  for (const auto& function : graph.functions()) {
    if (!text.empty()) text += "\n";
    FunctionPrinter(*function, style, functions, text).print();
  }
  return text;
}

std::string print(const Graph& graph) {
  return print(graph, PrintStyle{});
}

std::string print(const Function& function) {
  std::string text;
  const PrintStyle style;
  const FunctionNames functions;
  FunctionPrinter(function, style, functions, text).print();
  return text;
}

std::string print(const AttrValue& value) {
  return attr_text(value, 0, PrintStyle{});
}

std::string canonical(const Graph& graph) {
  return print(graph, PrintStyle{.canonical = true});
}

}  // namespace mlpjit::ir
