// Puts the bodies of called functions in the place of the calls. The other passes look at one
// function at a time, and only @main is planned: what a program says in functions must cost
// nothing.
//
// Ops keep their order, so failures and effects do too. Functions that @main no longer reaches are
// dropped. A function that calls itself, an expansion past kMaxOps, or what comes after kMaxCopies
// ops or kMaxBytes of them were copied (functions that each call the one before twice; one op of a
// million operands that is called again and again) is left as calls. How deep regions become is
// bounded already: the verifier counts those of callees.

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lib/ir/copy.h"
#include "lib/ir/opcodes.h"
#include "lib/passes/passes.h"
#include "lib/passes/rewrite.h"

namespace mlpjit::passes {
namespace {

constexpr std::size_t kMaxOps = std::size_t{1} << 16;
constexpr std::size_t kMaxCopies = std::size_t{1} << 18;
constexpr std::size_t kMaxBytes = std::size_t{1} << 28;

// About the memory that a copy of a function's ops takes.
std::size_t copied_bytes(const ir::Function& function) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < function.value_count(); ++i)
    bytes += sizeof(ir::Value) + function.value(ir::ValueId(i)).name.size();
  for (std::size_t i = 0; i < function.op_count(); ++i) {
    const ir::Op& op = function.op(ir::OpId(i));
    bytes += sizeof(ir::Op) + op.path.size();
    bytes += (op.operands.size() + op.results.size()) * sizeof(ir::ValueId);
    for (const auto& [name, value] : op.attrs) {
      if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
      if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value))
        bytes += list->size() * sizeof(std::int64_t);
    }
  }
  return bytes;
}

class Inliner {
 public:
  explicit Inliner(ir::Graph& graph) : graph_(graph) {}

  // Callees first, so that each body is expanded once.
  void run(ir::Function& function) {
    if (const auto [entry, fresh] = bodies_.try_emplace(&function); !fresh) return;
    Substitution substitution;
    rewrite_function(
        function, [&](ir::OpId op) { return !inline_call(function, op, substitution); },
        substitution);
    bodies_[&function] = {true, copied_bytes(function)};
  }

  int changes() const { return changes_; }

 private:
  struct Body {
    bool done = false;      // else its calls are being written out just now
    std::size_t bytes = 0;  // of a copy
  };

  bool inline_call(ir::Function& function, ir::OpId id, Substitution& substitution) {
    if (function.op(id).opcode != ir::Opcode::call) return false;
    ir::Function* callee = graph_.find(function.op(id).attrs.get<ir::FunctionRef>("callee").name);
    if (callee == nullptr || !callee->updates().empty()) return false;
    run(*callee);
    const Body body = bodies_.at(callee);
    if (!body.done) return false;  // recursion
    const std::size_t size = callee->op_count();
    if (function.op_count() + size > kMaxOps || copied_ + size > kMaxCopies) return false;
    if (copied_bytes_ + body.bytes > kMaxBytes) return false;
    copied_ += size;
    copied_bytes_ += body.bytes;
    const ir::Op call = function.op(id);
    ir::Copier copier(*callee, function, ir::Copier::Names::given);
    for (std::size_t i = 0; i < call.operands.size(); ++i) {
      copier.bind(callee->body().arguments.at(i), call.operands[i]);
    }
    for (ir::OpId op : callee->body().ops) {
      const ir::OpId copy = copier.op(op, call.parent);
      if (function.op(copy).path.empty()) function.op(copy).path = call.path;
    }
    for (std::size_t i = 0; i < call.results.size(); ++i) {
      substitution.replace(call.results[i], copier[callee->body().results.at(i)]);
    }
    ++changes_;
    return true;
  }

  ir::Graph& graph_;
  std::unordered_map<const ir::Function*, Body> bodies_;
  std::size_t copied_ = 0, copied_bytes_ = 0;
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
