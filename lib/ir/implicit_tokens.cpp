// A hand-written program says `print "sum" %x` and leaves the token out. This writes it out: a
// function that prints so, or calls one that does, gets a token as its last input; @main gives it
// back by an update, every other function as its last result; control flow carries it. What is
// printed afterwards is explicit.

#include <algorithm>
#include <map>
#include <unordered_set>

#include "lib/ir/ast.h"
#include "lib/ir/opcodes.h"

namespace mlpjit::ir {
namespace {

class TokenThreader {
 public:
  explicit TokenThreader(ProgramAst& program) : program_(program) {
    for (std::size_t i = 0; i < program.size(); ++i) index_.emplace(program[i].name.text, i);
  }

  void run() {
    find_functions();
    for (std::size_t i = 0; i < program_.size(); ++i) {
      if (effects_[i].valid) thread(program_[i], effects_[i].at);
    }
  }

 private:
  // Where a function or region first prints, if it does.
  struct Effect {
    bool valid = false;
    Position at;
  };

  static bool prints(const StatementAst& statement) {
    return statement.opcode == Opcode::print && statement.results.empty();
  }
  bool calls_printer(const StatementAst& statement) const {
    const auto callee = index_.find(statement.callee);
    return statement.opcode == Opcode::call && callee != index_.end() &&
           effects_[callee->second].valid;
  }
  Effect effect_of(const StatementAst& statement) const {
    if (prints(statement) || calls_printer(statement)) return {true, statement.at};
    for (const RegionAst& region : statement.regions) {
      if (const Effect effect = effect_of(region); effect.valid) return effect;
    }
    return {};
  }
  Effect effect_of(const RegionAst& region) const {
    for (const StatementAst& statement : region.statements) {
      if (const Effect effect = effect_of(statement); effect.valid) return effect;
    }
    return {};
  }

  void find_functions();
  void collect_callees(const RegionAst& region, std::unordered_set<std::size_t>& callees) const;
  void collect_names(const RegionAst& region);
  void thread(FunctionAst& function, Position at);
  NameAst thread_region(RegionAst& region, NameAst token);
  NameAst thread_structured(StatementAst& statement, const NameAst& token);
  void carry(StatementAst& statement, RegionAst& region, std::size_t argument, bool yields);
  NameAst fresh(Position at);

  ProgramAst& program_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<Effect> effects_;
  std::unordered_set<std::string> names_;
  std::size_t counter_ = 0;
};

void TokenThreader::collect_callees(const RegionAst& region,
                                    std::unordered_set<std::size_t>& callees) const {
  for (const StatementAst& statement : region.statements) {
    const auto callee = index_.find(statement.callee);
    if (statement.opcode == Opcode::call && callee != index_.end()) callees.insert(callee->second);
    for (const RegionAst& nested : statement.regions) collect_callees(nested, callees);
  }
}

// Functions that print themselves, then whoever calls them, until nothing is added.
void TokenThreader::find_functions() {
  effects_.resize(program_.size());
  std::vector<std::vector<std::size_t>> callers(program_.size());
  std::vector<std::size_t> work;
  for (std::size_t i = 0; i < program_.size(); ++i) {
    std::unordered_set<std::size_t> callees;
    collect_callees(program_[i].body, callees);
    for (std::size_t callee : callees) callers[callee].push_back(i);
  }
  for (std::size_t i = 0; i < program_.size(); ++i) {
    if (effects_[i].valid) continue;
    // Only prints count here: calls are followed below.
    effects_[i] = effect_of(program_[i].body);
    if (effects_[i].valid) work.push_back(i);
  }
  while (!work.empty()) {
    const std::size_t callee = work.back();
    work.pop_back();
    for (std::size_t caller : callers[callee]) {
      if (effects_[caller].valid) continue;
      effects_[caller] = effect_of(program_[caller].body);
      work.push_back(caller);
    }
  }
}

void TokenThreader::collect_names(const RegionAst& region) {
  for (const ArgumentAst& argument : region.arguments) names_.insert(argument.name.text);
  for (const StatementAst& statement : region.statements) {
    for (const NameAst& name : statement.results) names_.insert(name.text);
    for (const RegionAst& nested : statement.regions) collect_names(nested);
  }
}

NameAst TokenThreader::fresh(Position at) {
  for (;;) {
    std::string name = counter_ == 0 ? "token" : "token_" + std::to_string(counter_);
    ++counter_;
    if (names_.insert(name).second) return {std::move(name), at};
  }
}

void TokenThreader::thread(FunctionAst& function, Position at) {
  for (const InputAst& input : function.inputs) {
    if (input.argument.type == Type::make_token()) {
      fail_at(at,
              "expected the token %" + input.argument.name.text + " of @" + function.name.text +
                  " to be used, as in %t = print \"text\" %" + input.argument.name.text +
                  "; found an effect without one; give every effect its token, or leave all out");
    }
  }
  names_.clear();
  counter_ = 0;
  for (const InputAst& input : function.inputs) names_.insert(input.argument.name.text);
  collect_names(function.body);
  const NameAst first = fresh(function.name.at);
  function.inputs.push_back({{first, Type::make_token()}, {InputKind::token, "token"}});
  const NameAst last = thread_region(function.body, first);
  if (function.name.text == "main") {
    function.updates.push_back({first, last});
  } else {
    function.body.yields.push_back(last);
    if (function.result_types) function.result_types->types.push_back(Type::make_token());
  }
}

NameAst TokenThreader::thread_region(RegionAst& region, NameAst token) {
  for (StatementAst& statement : region.statements) {
    if (!effect_of(statement).valid) continue;
    if (prints(statement)) {
      statement.operands.insert(statement.operands.begin(), token);
      token = fresh(statement.at);
      statement.results.push_back(token);
      if (!statement.types) continue;
      fail_at(statement.types->at, "expected no type after a print without results, found ':'");
    } else if (statement.opcode == Opcode::call) {
      statement.operands.push_back(token);
      token = fresh(statement.at);
      statement.results.push_back(token);
      if (statement.types) statement.types->types.push_back(Type::make_token());
    } else {
      token = thread_structured(statement, token);
    }
  }
  return token;
}

// Inserts the token as argument number `argument` of a region and, in the same place, among its
// yields.
void TokenThreader::carry(StatementAst& statement, RegionAst& region, std::size_t argument,
                          bool yields) {
  const NameAst inner = fresh(statement.at);
  if (argument > region.arguments.size() ||
      (yields && statement.opcode == Opcode::scan && argument > region.yields.size())) {
    fail_at(region.at, "expected at least " + std::to_string(argument) +
                           " arguments and values yielded, as many as are carried");
  }
  region.arguments.insert(region.arguments.begin() + static_cast<std::ptrdiff_t>(argument),
                          {inner, Type::make_token()});
  const NameAst last = thread_region(region, inner);
  if (!yields) return;
  const std::size_t place = statement.opcode == Opcode::scan ? argument : region.yields.size();
  region.yields.insert(region.yields.begin() + static_cast<std::ptrdiff_t>(place), last);
}

NameAst TokenThreader::thread_structured(StatementAst& statement, const NameAst& token) {
  std::size_t operand = statement.operands.size();
  std::size_t result = statement.results.size();
  if (statement.opcode == Opcode::cond && operand == 0) {
    fail_at(statement.at, "expected a predicate as the first operand of cond, found none");
  }
  if (statement.opcode == Opcode::fusion) {
    fail_at(effect_of(statement).at,
            "expected no effect inside a fusion, found print or a call that prints");
  }
  if (statement.opcode == Opcode::scan) {
    std::int64_t carried = 0;
    for (AttrAst& attr : statement.attrs) {
      if (attr.name != "carried") continue;
      carried = std::get<std::int64_t>(attr.value);
      if (carried >= 0 && carried < static_cast<std::int64_t>(operand)) {
        attr.value = carried + 1;
      }
    }
    if (carried < 0 || carried >= static_cast<std::int64_t>(operand) ||
        carried > static_cast<std::int64_t>(result)) {
      fail_at(statement.at,
              "expected scan to carry fewer values than it has operands, and to give all "
              "of them back");
    }
    operand = result = static_cast<std::size_t>(carried);
  }
  statement.operands.insert(statement.operands.begin() + static_cast<std::ptrdiff_t>(operand),
                            token);
  const std::size_t argument = statement.opcode == Opcode::cond ? operand - 1 : operand;
  for (std::size_t i = 0; i < statement.regions.size(); ++i) {
    RegionAst& region = statement.regions[i];
    const bool condition = statement.opcode == Opcode::while_loop && i == 0;
    if (const Effect effect = effect_of(region); condition && effect.valid) {
      fail_at(effect.at,
              "expected no effect in the condition of while_loop, found print or a call that "
              "prints; move it to the body");
    }
    carry(statement, region, argument, !condition);
  }
  const NameAst last = fresh(statement.at);
  statement.results.insert(statement.results.begin() + static_cast<std::ptrdiff_t>(result), last);
  if (statement.types) {
    std::vector<Type>& types = statement.types->types;
    types.insert(types.begin() + static_cast<std::ptrdiff_t>(std::min(result, types.size())),
                 Type::make_token());
  }
  return last;
}

}  // namespace

void make_tokens_explicit(ProgramAst& program) {
  TokenThreader(program).run();
}

}  // namespace mlpjit::ir
