#include "src/program/difference.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "lib/support/layer.h"

namespace mlpjit::detail {

namespace {

// How far apart, in ops, the traces may be before they meet again.
constexpr std::size_t kFarthest = 256;

using ValueMap = std::unordered_map<ir::ValueId, ir::ValueId>;

// "%3 = tanh", "capture 0", "argument x0", "argument 1 of the body".
std::string value_text(const ir::Function& function, ir::ValueId id) {
  const ir::Value& value = function.value(id);
  if (value.producer.valid())
    return "%" + value.name + " = " +
           std::string(ir::to_string(function.op(value.producer).opcode));
  if (value.region != ir::Function::kBody)
    return "argument " + std::to_string(value.index) + " of the region";
  const ir::Input& input = function.inputs()[value.index];
  return std::string(ir::to_string(input.kind)) + " " + input.name;
}

std::string op_text(const ir::Function& function, const ir::Op& op) {
  const std::string code(ir::to_string(op.opcode));
  return op.results.empty() ? code : value_text(function, op.results[0]);
}

const char* region_text(ir::Opcode opcode, std::size_t region) {
  if (opcode == ir::Opcode::cond) return region == 0 ? "the then branch" : "the else branch";
  return opcode == ir::Opcode::while_loop && region == 0 ? "the condition" : "the body";
}

std::string element_text(const ir::Literal& literal, std::size_t index) {
  const auto* bytes = static_cast<const std::byte*>(literal.data());
  const std::string text = ir::print(
      ir::AttrValue(ir::make_literal(literal.dtype, {}, bytes + index * size_of(literal.dtype))));
  return text.substr(text.find(' ') + 1);  // without its type
}

std::string index_text(const Shape& shape, std::size_t flat) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  auto rest = static_cast<std::int64_t>(flat);
  for (int d = shape.rank() - 1; d >= 0; --d) {
    index[static_cast<std::size_t>(d)] = rest % shape[d].value();
    rest /= shape[d].value();
  }
  return ir::print(ir::AttrValue(index));
}

// What differs between two values of an attribute: {"value[3]", "1", "2"}.
struct AttrDifference {
  std::string name, first, second;
};
AttrDifference attr_difference(const std::string& name, const ir::AttrValue* x,
                               const ir::AttrValue* y) {
  const auto* a = x == nullptr ? nullptr : std::get_if<ir::Literal>(x);
  const auto* b = y == nullptr ? nullptr : std::get_if<ir::Literal>(y);
  const auto whole = [](const ir::AttrValue* value) {
    return value == nullptr ? std::string("absent") : ir::print(*value);
  };
  if (a == nullptr || b == nullptr) return {name, whole(x), whole(y)};
  if (a->type() != b->type()) return {name, to_string(a->type()), to_string(b->type())};
  const std::size_t size = size_of(a->dtype);
  const auto* left = static_cast<const std::byte*>(a->data());
  const auto* right = static_cast<const std::byte*>(b->data());
  std::size_t at = 0;
  while (std::memcmp(left + at * size, right + at * size, size) == 0) ++at;
  return {a->shape.rank() == 0 ? name : name + index_text(a->shape, at), element_text(*a, at),
          element_text(*b, at)};
}

class Comparison {
 public:
  Comparison(const Trace& first, const Trace& second, std::string other)
      : first_(first),
        second_(second),
        a_(first.graph->main()),
        b_(second.graph->main()),
        other_(std::move(other)) {}

  std::vector<Difference> run() {
    pair_inputs();
    region(a_.body(), b_.body());
    results();
    updates();
    captured_arguments();
    return std::move(found_);
  }

 private:
  void add(const std::string& place, const std::string& what) {
    found_.push_back({place, place + what});
  }
  // "is A, in the second trace B"
  std::string sides(const std::string& a, const std::string& b) const {
    return a + ", in " + other_ + " " + b;
  }

  std::string place(const ir::Op& op) const {
    return support::layer_prefix(op.path) + op_text(a_, op);
  }
  // Of a constant the op that uses it says more than the constant.
  std::string place_of_attr(const ir::Op& op) const {
    std::string text = place(op);
    if (op.opcode != ir::Opcode::constant) return text;
    const ir::Op* user = first_user(op.results[0]);
    return user == nullptr ? text : text + ", used by " + op_text(a_, *user);
  }
  const ir::Op* first_user(ir::ValueId value) const {
    for (std::size_t i = 0; i < a_.op_count(); ++i) {
      const ir::Op& op = a_.op(ir::OpId(i));
      if (std::find(op.operands.begin(), op.operands.end(), value) != op.operands.end()) return &op;
    }
    return nullptr;
  }

  void match(ir::ValueId x, ir::ValueId y) {
    forth_.emplace(x, y);
    back_.emplace(y, x);
  }
  bool corresponds(ir::ValueId x, ir::ValueId y) const {
    const auto found = forth_.find(x);
    return found != forth_.end() && found->second == y;
  }
  // Whether a difference of these two follows from ops that only one trace has.
  bool listed(ir::ValueId x, ir::ValueId y) const {
    return alone_a_.contains(x) || alone_b_.contains(y);
  }
  // A value of the second trace, under the name that the first one has for it.
  std::string second_text(ir::ValueId y) const {
    const auto found = back_.find(y);
    if (found != back_.end()) return value_text(a_, found->second);
    const ir::Value& value = b_.value(y);
    if (value.producer.valid() || value.region != ir::Function::kBody) return value_text(b_, y);
    return "a tensor (" + ir::to_string(value.type) + ") that the first trace does not use";
  }

  void value(const std::string& where, const std::string& subject, ir::ValueId x, ir::ValueId y) {
    if (corresponds(x, y) || listed(x, y)) return;
    add(where + ": " + subject, " is " + sides(value_text(a_, x), second_text(y)) +
                                    ": a C++ branch or variable chose another tensor");
  }

  bool same_input(std::size_t i, std::size_t j) const {
    const Binding& x = first_.inputs[i];
    const Binding& y = second_.inputs[j];
    if (x.kind != y.kind) return false;
    if (x.kind == ir::InputKind::argument) return x.argument == y.argument;
    if (x.tensor.defined())
      return y.tensor.defined() && TensorAccess::impl(x.tensor) == TensorAccess::impl(y.tensor);
    return a_.inputs()[i].name == b_.inputs()[j].name;  // random state, print token
  }

  // Inputs are the same where they are bound to the same tensor. Those left over, in their order,
  // are variables that were bound anew.
  void pair_inputs() {
    std::vector<std::size_t> left, free(second_.inputs.size());
    for (std::size_t j = 0; j < free.size(); ++j) free[j] = j;
    const auto take = [&](std::size_t i, const auto& fits) {
      const auto found = std::find_if(free.begin(), free.end(), fits);
      if (found == free.end()) return false;
      match(a_.body().arguments[i], b_.body().arguments[*found]);
      free.erase(found);
      return true;
    };
    for (std::size_t i = 0; i < first_.inputs.size(); ++i) {
      if (!take(i, [&](std::size_t j) { return same_input(i, j); })) left.push_back(i);
    }
    for (const std::size_t i : left) {
      const Binding& x = first_.inputs[i];
      if (!x.tensor.defined()) continue;
      if (!take(i, [&](std::size_t j) { return second_.inputs[j].kind == x.kind; })) continue;
      const ir::ValueId value = a_.body().arguments[i];
      const ir::Op* user = first_user(value);
      add((user == nullptr ? "" : place(*user) + ": ") + value_text(a_, value),
          " is another tensor in " + other_ + ": the function's variable was bound anew");
    }
  }

  static bool comparable(const ir::Op& x, const ir::Op& y) {
    return x.opcode == y.opcode && x.path == y.path && x.regions.size() == y.regions.size();
  }

  // The nearest place where the lists meet again: how many ops of each stand before it.
  std::pair<std::size_t, std::size_t> next_meeting(std::span<const ir::OpId> x,
                                                   std::span<const ir::OpId> y) const {
    const std::size_t farthest = std::min(x.size() + y.size(), kFarthest);
    for (std::size_t distance = 1; distance < farthest; ++distance) {
      for (std::size_t i = 0; i <= std::min(distance, x.size()); ++i) {
        const std::size_t j = distance - i;
        if (i >= x.size() || j >= y.size()) continue;
        if (comparable(a_.op(x[i]), b_.op(y[j]))) return {i, j};
      }
    }
    return {x.size(), y.size()};
  }

  void region(const ir::Region& first, const ir::Region& second) {
    std::span<const ir::OpId> x(first.ops), y(second.ops);
    const ir::Op* previous = nullptr;
    while (!x.empty() || !y.empty()) {
      if (!x.empty() && !y.empty() && comparable(a_.op(x[0]), b_.op(y[0]))) {
        previous = &a_.op(x[0]);
        op(*previous, b_.op(y[0]));
        x = x.subspan(1);
        y = y.subspan(1);
        continue;
      }
      const auto [i, j] = next_meeting(x, y);
      apart(previous, x.first(i), y.first(j));
      x = x.subspan(i);
      y = y.subspan(j);
    }
  }

  // Ops that stand for a tensor that C++ made, by its elements.
  static bool made(const ir::Op& op) {
    return op.opcode == ir::Opcode::constant || op.opcode == ir::Opcode::broadcast_to;
  }

  // Ops that stand in one trace only, at the same place.
  void apart(const ir::Op* previous, std::span<const ir::OpId> x, std::span<const ir::OpId> y) {
    const auto named = [](const ir::Function& function, std::span<const ir::OpId> ops) {
      std::string text = op_text(function, function.op(ops[0]));
      if (ops.size() == 2) text += " and 1 more op";
      if (ops.size() > 2) text += " and " + std::to_string(ops.size() - 1) + " more ops";
      return text;
    };
    for (const ir::OpId id : x) alone_a_.insert(a_.op(id).results.begin(), a_.op(id).results.end());
    for (const ir::OpId id : y) alone_b_.insert(b_.op(id).results.begin(), b_.op(id).results.end());
    const std::string& layer = x.empty() ? b_.op(y[0]).path : a_.op(x[0]).path;
    const std::string& layer_there = y.empty() ? layer : b_.op(y[0]).path;
    std::string there = y.empty() ? "nothing" : named(b_, y);
    if (layer_there != layer) there = support::layer_prefix(layer_there) + there;
    std::string here = previous == nullptr ? "at the start" : "after " + op_text(a_, *previous);
    if (!x.empty()) here = named(a_, x);
    const bool made_once =
        y.empty() && std::all_of(x.begin(), x.end(), [&](ir::OpId id) { return made(a_.op(id)); });
    if (made_once) {
      add(support::layer_prefix(layer) + here,
          ": " + other_ +
              " does not make it: a tensor made in the function and kept in a C++ "
              "variable is baked into the program");
      return;
    }
    const bool loop = x.empty() || y.empty();
    add(support::layer_prefix(layer) + here,
        ": " + other_ + " has " + there + " here: a C++ branch went another way" +
            (loop ? ", or a C++ loop another number of rounds" : ""));
  }

  void op(const ir::Op& x, const ir::Op& y) {
    attributes(x, y);
    for (std::size_t i = 0; i < std::min(x.operands.size(), y.operands.size()); ++i)
      value(place(x), "operand " + std::to_string(i), x.operands[i], y.operands[i]);
    if (x.operands.size() != y.operands.size()) {
      add(place(x) + ": the number of operands",
          " is " + sides(std::to_string(x.operands.size()), std::to_string(y.operands.size())) +
              ": a C++ variable decides how many");
    }
    for (std::size_t i = 0; i < std::min(x.results.size(), y.results.size()); ++i)
      match(x.results[i], y.results[i]);
    for (std::size_t i = 0; i < x.regions.size(); ++i) {
      nested(place(x) + ": " + region_text(x.opcode, i), a_.region(x.regions[i]),
             b_.region(y.regions[i]));
    }
  }

  void nested(const std::string& where, const ir::Region& x, const ir::Region& y) {
    for (std::size_t i = 0; i < std::min(x.arguments.size(), y.arguments.size()); ++i)
      match(x.arguments[i], y.arguments[i]);
    region(x, y);
    for (std::size_t i = 0; i < std::min(x.results.size(), y.results.size()); ++i)
      value(where, "result " + std::to_string(i), x.results[i], y.results[i]);
    if (x.results.size() != y.results.size()) {
      add(where + ": the number of results",
          " is " + sides(std::to_string(x.results.size()), std::to_string(y.results.size())));
    }
  }

  void attributes(const ir::Op& x, const ir::Op& y) {
    const auto compare = [&](const std::string& name) {
      const ir::AttrValue* mine = x.attrs.find(name);
      const ir::AttrValue* theirs = y.attrs.find(name);
      const bool same = mine != nullptr && theirs != nullptr &&
                        ir::Attrs{{name, *mine}} == ir::Attrs{{name, *theirs}};
      if (same) return;
      const AttrDifference difference = attr_difference(name, mine, theirs);
      const std::string place = place_of_attr(x) + ": ";
      found_.push_back({place + name, place + difference.name + " is " +
                                          sides(difference.first, difference.second) +
                                          ": a C++ value is baked into the program"});
    };
    for (const auto& [name, attr] : x.attrs) compare(name);
    for (const auto& [name, attr] : y.attrs) {
      if (x.attrs.find(name) == nullptr) compare(name);
    }
  }

  static std::string source_text(const ResultSource& source) {
    if (source.kind == ResultSource::Kind::duplicate)
      return "the same tensor as result " + std::to_string(source.index);
    if (source.kind == ResultSource::Kind::input) return "a tensor from outside";
    return source.weak == WeakKind::none ? "a new tensor" : "a C++ scalar";
  }

  void results() {
    const std::vector<ir::ValueId>& x = a_.body().results;
    const std::vector<ir::ValueId>& y = b_.body().results;
    if (x.size() != y.size()) {
      add("the number of results",
          " is " + sides(std::to_string(x.size()), std::to_string(y.size())));
    }
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      const std::size_t before = found_.size();
      value("return", "result " + std::to_string(i), x[i], y[i]);
      const ResultSource& mine = first_.results[i];
      const ResultSource& theirs = second_.results[i];
      if (found_.size() != before || listed(x[i], y[i])) continue;
      if (source_text(mine) == source_text(theirs)) continue;
      add("return: result " + std::to_string(i),
          " is " + sides(source_text(mine), source_text(theirs)));
    }
  }

  // Of an input; itself where it is not updated.
  static ir::ValueId final_value(const ir::Function& function, ir::ValueId input) {
    for (const ir::Update& update : function.updates()) {
      if (function.body().arguments[update.input] == input) return update.value;
    }
    return input;
  }

  void updates() {
    for (const ir::ValueId x : a_.body().arguments) {
      const auto paired = forth_.find(x);
      if (paired == forth_.end()) continue;
      const ir::ValueId mine = final_value(a_, x), theirs = final_value(b_, paired->second);
      if (corresponds(mine, theirs) || listed(mine, theirs)) continue;
      const std::string kept = "what it was";
      add("update in place: " + value_text(a_, x),
          " becomes " +
              sides(mine == x ? kept : value_text(a_, mine),
                    theirs == paired->second ? kept : second_text(theirs)) +
              ": a C++ branch or variable chose another tensor");
    }
  }

  void captured_arguments() {
    const auto has = [](const Trace& trace, const std::pair<std::size_t, CapturedTensor>& wanted) {
      return std::any_of(trace.captured_arguments.begin(), trace.captured_arguments.end(),
                         [&](const std::pair<std::size_t, CapturedTensor>& each) {
                           return each.first == wanted.first &&
                                  TensorAccess::impl(each.second) ==
                                      TensorAccess::impl(wanted.second);
                         });
    };
    const auto only = [&](const Trace& here, const Trace& there, const char* mine,
                          const char* theirs) {
      for (const std::pair<std::size_t, CapturedTensor>& captured : here.captured_arguments) {
        if (has(there, captured)) continue;
        add("argument " + std::to_string(captured.first),
            " is " + sides(mine, theirs) + ": a C++ variable was bound anew");
      }
    };
    only(first_, second_, "also used through a C++ variable", "not");
    only(second_, first_, "used as an argument only", "also through a C++ variable");
  }

  const Trace& first_;
  const Trace& second_;
  const ir::Function& a_;
  const ir::Function& b_;
  const std::string other_;
  ValueMap forth_, back_;                              // which values of the traces are the same
  std::unordered_set<ir::ValueId> alone_a_, alone_b_;  // results of ops that one trace has alone
  std::vector<Difference> found_;
};

}  // namespace

std::vector<Difference> differences(const Trace& first, const Trace& second,
                                    const std::string& other) {
  return Comparison(first, second, other).run();
}

}  // namespace mlpjit::detail
