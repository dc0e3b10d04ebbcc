// The invariants of a graph:
//
//  1. Functions have distinct names; calls lead to functions of the graph and never back (no
//     recursion). Regions nest at most kDeepestRegion deep and calls kDeepestCall, those of called
//     functions included.
//  2. Ids are in range. Each op stands in one region and each region in one op (or is the body);
//     ops, values and regions point back at what holds them.
//  3. Values have distinct, non-empty names within their function.
//  4. An operand, a yielded value and the value of an update are defined before, in the same region
//     or one around it. A fusion uses its own arguments and values only, and holds no effect, call
//     or op with regions.
//  5. Every op has the operands, results, attributes (each once, in order, of its kind) and regions
//     of the op table.
//  6. The types of results are those of the type rules; a call's are its callee's. Sizes are not
//     negative, and bytes of a tensor can be counted in 63 bits. Constants have as many bytes as
//     their type says.
//  7. Inputs and arguments of the body correspond; names are distinct per kind; a token is bound as
//     token and nothing else is, a state is an i64[2]. An update is of an input, at most one for
//     each, of its type. A function that is called has no updates, parameters or captures.
//  8. Tokens are used once by what orders effects, and where they are defined: not inside a region
//     of its own. A token that an op gives is used, else its effect would be lost. States (from
//     inputs of kind state on) are used up at most once, likewise.
//
// Faults of structure (1 to 3) hide those that rely on it.

#include "lib/ir/verify.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lib/ir/lexer.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/verify_internal.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

using CallGraph = std::unordered_map<std::string, std::vector<std::string>>;

std::vector<std::string> callees(const Function& function) {
  std::vector<std::string> names;
  for_each_op(function, Function::kBody, [&](OpId id) {
    const Op& op = function.op(id);
    const AttrValue* callee = op.attrs.find("callee");
    if (op.opcode != Opcode::call || callee == nullptr) return;
    if (const auto* ref = std::get_if<FunctionRef>(callee)) names.push_back(ref->name);
  });
  return names;
}

// Callees before callers; functions whose calls lead back to them are left out.
std::vector<const Function*> callees_first(const Graph& graph, const CallGraph& calls) {
  std::unordered_map<std::string, std::size_t> waiting;
  CallGraph callers;
  std::vector<const Function*> order;
  for (const auto& function : graph.functions()) {
    std::size_t& count = waiting[function->name()];
    for (const std::string& callee : calls.at(function->name())) {
      if (graph.find(callee) == nullptr) continue;
      ++count;
      callers[callee].push_back(function->name());
    }
    if (count == 0) order.push_back(function.get());
  }
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (const std::string& caller : callers[order[next]->name()]) {
      if (--waiting[caller] == 0) order.push_back(graph.find(caller));
    }
  }
  return order;
}

// How deep the regions and the calls of a function lead, those of its callees included.
struct Depth {
  int regions = 0, calls = 0;
};
using Depths = std::unordered_map<std::string, Depth>;

class DepthVerifier {
 public:
  DepthVerifier(const Function& function, const Depths& known, FaultList& faults)
      : function_(function), known_(known), faults_(faults) {}

  // A fault is reported once: what calls a function that is too deep is taken to be as deep as
  // allowed.
  Depth run() {
    enter(Function::kBody, 0);
    return {std::min(deepest_.regions, kDeepestRegion), std::min(deepest_.calls, kDeepestCall)};
  }

 private:
  void enter(RegionId region, int depth) {
    deepest_.regions = std::max(deepest_.regions, depth);
    for (const OpId id : function_.region(region).ops) {
      const Op& op = function_.op(id);
      if (op.opcode == Opcode::call) check_call(id, op, depth);
      for (const RegionId nested : op.regions)
        enter(nested, depth + (op.opcode == Opcode::fusion ? 0 : 1));
    }
  }
  void check_call(OpId id, const Op& op, int depth) {
    const std::string& callee = op.attrs.get<FunctionRef>("callee").name;
    const auto found = known_.find(callee);
    if (found == known_.end()) return;  // no such function, or recursion: other faults
    const auto check = [&](int reached, int most, int& deepest, const char* what) {
      deepest = std::max(deepest, reached);
      if (reached <= most) return;
      faults_.add(id, std::string("expected ") + what + " nested at most " + std::to_string(most) +
                          " deep, those of called functions included; with @" +
                          quoted_name(callee) + " they are " + std::to_string(reached) + " deep");
    };
    check(depth + found->second.regions, kDeepestRegion, deepest_.regions, "regions");
    check(1 + found->second.calls, kDeepestCall, deepest_.calls, "calls");
  }

  const Function& function_;
  const Depths& known_;
  FaultList& faults_;
  Depth deepest_;
};

void verify_callable(const Function& function, FaultList& faults) {
  if (!function.updates().empty()) {
    faults.add("expected no updates of a function that is called; return the value instead");
  }
  for (const Input& input : function.inputs()) {
    if (input.kind == InputKind::parameter || input.kind == InputKind::capture) {
      faults.add("expected no " + std::string(to_string(input.kind)) +
                 " of a function that is called, found '" + input.name +
                 "'; pass it as an argument");
    }
  }
}

}  // namespace

void FaultList::add(OpId op, std::string what) {
  std::string where = "@" + quoted_name(function_.name());
  if (op.valid()) {
    where += ", ";
    if (op.index >= function_.op_count()) {
      where += "an op out of range";
    } else {
      const Op& at = function_.op(op);
      for (std::size_t i = 0; i < at.results.size(); ++i) {
        where += (i > 0 ? ", " : "") + name_of(function_, at.results[i]);
      }
      where += std::string(at.results.empty() ? "" : " = ") + std::string(to_string(at.opcode));
      if (!at.path.empty()) where += " @" + quoted(at.path);
    }
  }
  faults_.push_back({std::move(where), std::move(what), function_.name(), op});
}

std::string name_of(const Function& function, ValueId id) {
  if (id.index >= function.value_count()) return "%<invalid>";
  return "%" + quoted_name(function.value(id).name);
}

std::string list_types(const std::vector<Type>& types) {
  std::string text;
  for (const Type& type : types) text += (text.empty() ? "" : ", ") + to_string(type);
  return "(" + text + ")";
}

std::vector<Fault> verify(const Graph& graph) {
  std::vector<Fault> all;
  const auto collect = [&all](FaultList& faults) {
    for (Fault& fault : faults.take()) all.push_back(std::move(fault));
  };
  for (const auto& function : graph.functions()) {
    FaultList faults(*function);
    if (graph.find(function->name()) != function.get())
      faults.add("expected distinct names of functions");
    verify_structure(*function, faults);
    collect(faults);
  }
  if (!all.empty()) return all;

  CallGraph calls;
  std::unordered_map<std::string, bool> called;
  for (const auto& function : graph.functions()) {
    calls[function->name()] = callees(*function);
    for (const std::string& callee : calls[function->name()]) called[callee] = true;
  }
  const std::vector<const Function*> order = callees_first(graph, calls);
  const std::unordered_set<const Function*> ordered(order.begin(), order.end());
  for (const auto& function : graph.functions()) {
    FaultList faults(*function);
    verify_types(graph, *function, faults);
    verify_effects(*function, faults);
    if (called.count(function->name()) > 0) verify_callable(*function, faults);
    if (ordered.count(function.get()) == 0)
      faults.add("expected no recursion; its calls lead back to it");
    collect(faults);
  }
  Depths depths;
  for (const Function* function : order) {
    FaultList faults(*function);
    depths[function->name()] = DepthVerifier(*function, depths, faults).run();
    collect(faults);
  }
  return all;
}

void verify_or_throw(const Graph& graph, std::string_view stage) {
  const std::vector<Fault> faults = verify(graph);
  if (faults.empty()) return;
  std::string text = "the graph is broken after " + std::string(stage) + ":";
  for (const Fault& fault : faults) text += "\n  " + fault.where + ": " + fault.what;
  throw InternalError(text);
}

}  // namespace mlpjit::ir
