// Invariants 6 and 7.

#include <set>

#include "lib/ir/fusion.h"
#include "lib/ir/infer.h"
#include "lib/ir/lexer.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/verify_internal.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

class TypeVerifier {
 public:
  TypeVerifier(const Graph& graph, const Function& function, FaultList& faults)
      : graph_(graph), function_(function), faults_(faults) {}

  void run() {
    check_inputs();
    check_updates();
    for_each_op(function_, Function::kBody, [this](OpId id) { check_op(id); });
  }

 private:
  void check_inputs();
  void check_updates();
  void check_op(OpId id);
  void check_call(OpId id, const Op& op);
  void check_size(OpId id, ValueId value);
  void check_literal(OpId id, const Op& op);

  const Graph& graph_;
  const Function& function_;
  FaultList& faults_;
};

void TypeVerifier::check_inputs() {
  std::set<std::pair<InputKind, std::string>> names;
  for (std::size_t i = 0; i < function_.inputs().size(); ++i) {
    const Input& input = function_.inputs()[i];
    const ValueId id = function_.body().arguments[i];
    const Type& type = function_.value(id).type;
    check_size(OpId{}, id);
    if (!names.emplace(input.kind, input.name).second) {
      faults_.add("expected distinct names of each kind of input, found " +
                  std::string(to_string(input.kind)) + " \"" + input.name + "\" twice");
    }
    if (type.token != (input.kind == InputKind::token)) {
      faults_.add("expected a token for an input of kind token and for no other, found " +
                  name_of(function_, id) + ": " + to_string(type) + " of kind " +
                  std::string(to_string(input.kind)));
    }
    if (input.kind == InputKind::state && !(type == Type{DType::i64, Shape{2}, false})) {
      faults_.add("expected i64[2] for an input of kind state, found " + name_of(function_, id) +
                  ": " + to_string(type));
    }
  }
}

void TypeVerifier::check_updates() {
  std::set<std::uint32_t> updated;
  for (const Update& update : function_.updates()) {
    const ValueId input = function_.body().arguments[update.input];
    if (!updated.insert(update.input).second) {
      faults_.add("expected one update of an input, found two of " + name_of(function_, input));
    }
    if (!(function_.value(input).type == function_.value(update.value).type)) {
      faults_.add("expected an update of " + name_of(function_, input) + " of its type " +
                  to_string(function_.value(input).type) + ", found " +
                  to_string(function_.value(update.value).type));
    }
  }
}

void TypeVerifier::check_size(OpId id, ValueId value) {
  const Type& type = function_.value(value).type;
  if (type.token || !type.shape.is_static()) return;
  try {
    static_cast<void>(byte_size(type));
  } catch (const ShapeError&) {
    faults_.add(id, "expected a tensor of at most 2^63 - 1 bytes, found " +
                        name_of(function_, value) + ": " + to_string(type));
  }
}

void TypeVerifier::check_literal(OpId id, const Op& op) {
  const auto& literal = op.attrs.get<Literal>("value");
  const bool sized = literal.shape.is_static() && literal.bytes != nullptr &&
                     literal.bytes->size() == byte_size(literal.type());
  if (!sized) faults_.add(id, "expected as many bytes as the type of the constant says");
}

void TypeVerifier::check_op(OpId id) {
  const Op& op = function_.op(id);
  for (ValueId result : op.results) check_size(id, result);
  if (op.opcode == Opcode::call) return check_call(id, op);
  try {
    const std::vector<Type> expected =
        infer_structured(function_, op.opcode, op.operands, op.attrs, op.regions);
    const std::vector<Type> actual = function_.types(op.results);
    if (expected != actual) {
      faults_.add(
          id, "expected result types " + list_types(expected) + ", found " + list_types(actual));
    }
    if (op.opcode == Opcode::constant) check_literal(id, op);
    if (op.opcode == Opcode::fusion) {
      const std::string rule = broken_fusion_rule(function_, op);
      if (!rule.empty()) faults_.add(id, "expected in a fusion: " + rule);
    }
  } catch (const Error& error) {
    faults_.add(id, error.what());
  }
}

void TypeVerifier::check_call(OpId id, const Op& op) {
  const std::string& name = op.attrs.get<FunctionRef>("callee").name;
  const Function* callee = graph_.find(name);
  if (callee == nullptr) {
    faults_.add(id, "expected a function of this graph, found @" + quoted_name(name));
    return;
  }
  const auto check = [&](const char* what, const std::vector<Type>& expected,
                         const std::vector<Type>& actual) {
    if (expected == actual) return;
    faults_.add(id, std::string("expected ") + what + " " + list_types(expected) + " of @" +
                        quoted_name(name) + ", found " + list_types(actual));
  };
  check("operands", callee->types(callee->body().arguments), function_.types(op.operands));
  check("results", callee->types(callee->body().results), function_.types(op.results));
}

}  // namespace

void verify_types(const Graph& graph, const Function& function, FaultList& faults) {
  TypeVerifier(graph, function, faults).run();
}

}  // namespace mlpjit::ir
