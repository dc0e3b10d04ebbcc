// Graphviz: one cluster per function, one inside it per region; boxes are ops, ovals what comes in,
// edges values.

#include <algorithm>

#include "lib/ir/lexer.h"
#include "lib/ir/literal_text.h"
#include "lib/ir/printer.h"
#include "lib/ir/text.h"

namespace mlpjit::ir {
namespace {

constexpr std::size_t kLongestLabel = 60;

std::string escaped(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result;
}

class DotWriter {
 public:
  DotWriter(const Function& function, std::size_t number, std::string& out)
      : function_(function), prefix_("f" + std::to_string(number) + "_"), out_(out) {}

  void write() {
    out_ +=
        "  subgraph cluster_" + prefix_ + " {\n    label=\"@" + escaped(function_.name()) + "\";\n";
    write_region(Function::kBody, "    ");
    std::size_t i = 0;
    for (ValueId result : function_.body().results) {
      const std::string name = prefix_ + "r" + std::to_string(i++);
      out_ += "    " + name + " [shape=oval, label=\"return\"];\n";
      edge(result, name, "    ");
    }
    for (const Update& update : function_.updates()) {
      const std::string name = prefix_ + "u" + std::to_string(update.input);
      out_ += "    " + name + " [shape=oval, style=dashed, label=\"update " +
              escaped(quoted_name(function_.value(function_.body().arguments[update.input]).name)) +
              "\"];\n";
      edge(update.value, name, "    ");
    }
    out_ += "  }\n";
  }

 private:
  std::string node_of(ValueId id) const {
    const Value& value = function_.value(id);
    return value.producer.valid() ? prefix_ + "o" + std::to_string(value.producer.index)
                                  : prefix_ + "v" + std::to_string(id.index);
  }

  void edge(ValueId from, const std::string& to, const std::string& indent) {
    const Value& value = function_.value(from);
    out_ += indent + node_of(from) + " -> " + to + " [label=\"%" +
            escaped(quoted_name(value.name)) + "\\n" + escaped(to_string(value.type)) + "\"" +
            (value.type.token ? ", style=dashed" : "") + "];\n";
  }

  void write_region(RegionId id, const std::string& indent) {
    const Region& region = function_.region(id);
    for (std::size_t i = 0; i < region.arguments.size(); ++i) {
      const ValueId argument = region.arguments[i];
      const Value& value = function_.value(argument);
      std::string label = "%" + quoted_name(value.name);
      if (id == Function::kBody) {
        const Input& input = function_.inputs()[i];
        if (input.kind != InputKind::argument) {
          label += "\n" + std::string(to_string(input.kind));
          if (input.name != to_string(input.kind)) label += " " + input.name;
        }
      }
      out_ += indent + node_of(argument) + " [shape=oval, label=\"" +
              escaped(label + "\n" + to_string(value.type)) + "\"];\n";
    }
    for (OpId op : region.ops) write_op(op, indent);
  }

  void write_op(OpId id, const std::string& indent) {
    const Op& op = function_.op(id);
    const std::string node = prefix_ + "o" + std::to_string(id.index);
    std::string label(to_string(op.opcode));
    if (const AttrValue* callee = op.attrs.find("callee"))
      label += " @" + std::get<FunctionRef>(*callee).name;
    if (const AttrValue* text = op.attrs.find("text"))
      label += " " + quoted(std::get<std::string>(*text));
    if (const AttrValue* value = op.attrs.find("value"))
      label += " " + constant_label(std::get<Literal>(*value));
    std::string attrs = attrs_text(op, 0, {});
    if (attrs.size() > kLongestLabel) attrs = attrs.substr(0, kLongestLabel) + "...";
    if (!attrs.empty()) label += "\n" + attrs.substr(1);
    if (!op.path.empty()) label += "\n" + op.path;
    out_ += indent + node + " [shape=box, label=\"" + escaped(label) + "\"];\n";
    for (ValueId operand : op.operands) edge(operand, node, indent);
    for (std::size_t i = 0; i < op.regions.size(); ++i) {
      const RegionId nested = op.regions[i];
      out_ += indent + "subgraph cluster_" + prefix_ + std::to_string(nested.index) + " {\n";
      out_ += indent + "  label=\"region " + std::to_string(i) + " of " +
              std::string(to_string(op.opcode)) + "\"; style=rounded;\n";
      write_region(nested, indent + "  ");
      const std::string yield = node + "_y" + std::to_string(i);
      out_.append(indent).append("  ").append(yield).append(" [shape=oval, label=\"yield\"];\n");
      for (ValueId result : function_.region(nested).results) edge(result, yield, indent + "  ");
      out_ += indent + "}\n";
    }
  }

  static std::string constant_label(const Literal& literal);

  const Function& function_;
  std::string prefix_;
  std::string& out_;
};

std::string DotWriter::constant_label(const Literal& literal) {
  std::string text = literal_text(literal, 0);
  const std::size_t line = text.find('\n');
  if (line != std::string::npos || text.size() > kLongestLabel) {
    text = text.substr(0, std::min(line, kLongestLabel)) + "...";
  }
  return text;
}

}  // namespace

std::string to_dot(const Graph& graph) {
  std::string text = "digraph mlpjit {\n  rankdir=TB;\n  node [fontname=\"monospace\"];\n";
  for (std::size_t i = 0; i < graph.functions().size(); ++i) {
    DotWriter(*graph.functions()[i], i, text).write();
  }
  return text + "}\n";
}

}  // namespace mlpjit::ir
