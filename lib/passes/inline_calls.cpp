// Puts the bodies of called functions in the place of the calls. The other passes look at one
// function at a time, and only @main is planned: what a program says in functions must cost
// nothing.
//
// Ops keep their order, so failures and effects do too. Functions that @main no longer reaches are
// dropped. A function that calls itself, an expansion past kMaxOps, or what comes after kMaxCopies
// ops were copied (functions that each call the one before twice) is left as calls.

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lib/passes/passes.h"
#include "lib/passes/rewrite.h"

namespace mlpjit::passes {
namespace {

constexpr std::size_t kMaxOps = std::size_t{1} << 16;
constexpr std::size_t kMaxCopies = std::size_t{1} << 18;

class Inliner {
 public:
  explicit Inliner(ir::Graph& graph) : graph_(graph) {}

  // Callees first, so that each body is expanded once.
  void run(ir::Function& function) {
    if (const auto [entry, fresh] = state_.try_emplace(&function, State::active); !fresh) return;
    Substitution substitution;
    rewrite_function(
        function, [&](ir::OpId op) { return !inline_call(function, op, substitution); },
        substitution);
    state_[&function] = State::done;
  }

  int changes() const { return changes_; }

 private:
  enum class State { active, done };

  bool inline_call(ir::Function& function, ir::OpId id, Substitution& substitution) {
    if (function.op(id).opcode != ir::Opcode::call) return false;
    ir::Function* callee = graph_.find(function.op(id).attrs.get<ir::FunctionRef>("callee").name);
    if (callee == nullptr || !callee->updates().empty()) return false;
    run(*callee);
    if (state_[callee] == State::active) return false;  // recursion
    const std::size_t size = callee->op_count();
    if (function.op_count() + size > kMaxOps || copied_ + size > kMaxCopies) return false;
    copied_ += size;
    const ir::Op call = function.op(id);
    ValueMap map;
    for (std::size_t i = 0; i < call.operands.size(); ++i) {
      map[callee->body().arguments.at(i)] = call.operands[i];
    }
    for (ir::OpId op : callee->body().ops) {
      const ir::OpId copy = copy_op(*callee, op, function, call.parent, map);
      if (function.op(copy).path.empty()) function.op(copy).path = call.path;
    }
    for (std::size_t i = 0; i < call.results.size(); ++i) {
      substitution.replace(call.results[i], map.at(callee->body().results.at(i)));
    }
    ++changes_;
    return true;
  }

  ir::Graph& graph_;
  std::unordered_map<const ir::Function*, State> state_;
  std::size_t copied_ = 0;
  int changes_ = 0;
};

void reach(const ir::Graph& graph, const ir::Function& function,
           std::unordered_set<const ir::Function*>& reached) {
  if (!reached.insert(&function).second) return;
  for_each_op(function, ir::Function::kBody, [&](ir::OpId id) {
    const ir::Op& op = function.op(id);
    if (op.opcode != ir::Opcode::call) return;
    const ir::Function* callee = graph.find(op.attrs.get<ir::FunctionRef>("callee").name);
    if (callee != nullptr) reach(graph, *callee, reached);
  });
}

int drop_unreached(ir::Graph& graph) {
  const ir::Function* main = std::as_const(graph).find("main");
  if (main == nullptr) return 0;
  std::unordered_set<const ir::Function*> reached;
  reach(graph, *main, reached);
  std::vector<std::string> dropped;
  for (const auto& function : graph.functions()) {
    if (!reached.contains(function.get())) dropped.push_back(function->name());
  }
  for (const std::string& name : dropped) graph.remove_function(name);
  return static_cast<int>(dropped.size());
}

}  // namespace

int inline_calls(ir::Graph& graph) {
  Inliner inliner(graph);
  for (const auto& function : graph.functions()) inliner.run(*function);
  return inliner.changes() + drop_unreached(graph);
}

}  // namespace mlpjit::passes
