// The random-graph loop must be able to fail: wrong rewrites of the kind that compilers make, each
// of which it has to catch within a few hundred graphs.

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "src/record/recorder.h"
#include "test/differential/modes.h"

namespace mlpjit::differential {
namespace {

using ir::Opcode;

// Rewrites one op: new ops go before it, and its result is replaced.
class Rewriter {
 public:
  Rewriter(ir::Function& function, ir::OpId op) : function_(function), op_(op) {}

  ir::ValueId add(Opcode opcode, std::vector<ir::ValueId> operands, ir::Attrs attrs = {}) {
    const ir::RegionId region = function_.op(op_).parent;
    const ir::OpId made = function_.append(region, opcode, std::move(operands), std::move(attrs));
    auto& ops = function_.region(region).ops;
    ops.pop_back();
    ops.insert(std::find(ops.begin(), ops.end(), op_), made);
    return function_.result(made);
  }
  ir::ValueId scalar(double value) {
    return add(Opcode::constant, {}, {{"value", ir::scalar_literal(result_type().dtype, value)}});
  }
  ir::Type result_type() const { return function_.value(function_.op(op_).results[0]).type; }
  ir::ValueId operand(std::size_t i) const { return function_.op(op_).operands.at(i); }
  std::size_t operand_count() const { return function_.op(op_).operands.size(); }
  ir::Type operand_type(std::size_t i) const { return function_.value(operand(i)).type; }
  const ir::Attrs& attrs() const { return function_.op(op_).attrs; }

 private:
  ir::Function& function_;
  ir::OpId op_;
};

// A wrong value for an op, or nothing where the mutant leaves this op alone.
using Rewrite = std::optional<ir::ValueId> (*)(Rewriter&);

struct Mutant {
  std::string name;
  std::function<int(ir::Function&)> apply;  // gives how many places it changed
};

std::vector<ir::OpId> all_ops(const ir::Function& function, Opcode opcode) {
  std::vector<ir::OpId> ops;
  for (std::size_t r = 0; r < function.region_count(); ++r) {
    for (ir::OpId id : function.region(ir::RegionId(r)).ops) {
      if (function.op(id).opcode == opcode) ops.push_back(id);
    }
  }
  return ops;
}

// Every op of a kind gets the wrong value.
std::function<int(ir::Function&)> each(Opcode target, Rewrite rewrite) {
  return [=](ir::Function& function) {
    int changed = 0;
    for (ir::OpId id : all_ops(function, target)) {
      Rewriter rewriter(function, id);
      const auto wrong = rewrite(rewriter);
      if (!wrong) continue;
      function.replace_uses(function.result(id), *wrong);
      ++changed;
    }
    return changed;
  };
}

const std::vector<Mutant> kMutants = {
    {"relu as a maximum with zero (loses -0)", each(Opcode::relu,
                                                    [](Rewriter& r) -> std::optional<ir::ValueId> {
                                                      if (!is_floating(r.result_type().dtype))
                                                        return std::nullopt;
                                                      return r.add(Opcode::maximum,
                                                                   {r.operand(0), r.scalar(0)});
                                                    })},
    {"maximum as a select on > (loses NaN)",
     each(Opcode::maximum,
          [](Rewriter& r) -> std::optional<ir::ValueId> {
            return r.add(Opcode::where, {r.add(Opcode::greater, {r.operand(0), r.operand(1)}),
                                         r.operand(0), r.operand(1)});
          })},
    {"division as a multiplication by the reciprocal",
     each(Opcode::divide,
          [](Rewriter& r) -> std::optional<ir::ValueId> {
            return r.add(Opcode::multiply,
                         {r.operand(0), r.add(Opcode::divide, {r.scalar(1), r.operand(1)})});
          })},
    {"> as the opposite of <= (wrong for NaN)",
     each(Opcode::greater,
          [](Rewriter& r) -> std::optional<ir::ValueId> {
            return r.add(Opcode::logical_not,
                         {r.add(Opcode::less_equal, {r.operand(0), r.operand(1)})});
          })},
    {"the bias added after the chain instead of before",
     each(Opcode::dense,
          [](Rewriter& r) -> std::optional<ir::ValueId> {
            if (r.operand_count() < 3) return std::nullopt;
            return r.add(Opcode::add,
                         {r.add(Opcode::dense, {r.operand(0), r.operand(1)}), r.operand(2)});
          })},
    {"a sum over rows taken column by column",
     each(Opcode::mean,
          [](Rewriter& r) -> std::optional<ir::ValueId> {
            const auto axes = r.attrs().integers("axes");
            if (axes.size() < 2 || !is_floating(r.operand_type(0).dtype)) return std::nullopt;
            const int rank = r.operand_type(0).shape.rank();
            std::vector<std::int64_t> order;
            for (int d = 0; d < rank; ++d) order.push_back(d);
            std::swap(order[static_cast<std::size_t>(axes[0])],
                      order[static_cast<std::size_t>(axes[1])]);
            return r.add(Opcode::mean,
                         {r.add(Opcode::transpose, {r.operand(0)}, {{"permutation", order}})},
                         r.attrs());
          })},
};

int run_loops_once_more(ir::Function& f) {
  int changed = 0;
  for (ir::OpId id : all_ops(f, Opcode::while_loop)) {
    const std::int64_t limit = f.op(id).attrs.integer("max_iterations");
    if (limit < 0) continue;
    f.op(id).attrs.set("max_iterations", limit + 1);
    ++changed;
  }
  return changed;
}

int swap_branches(ir::Function& f) {
  const auto ops = all_ops(f, Opcode::cond);
  for (ir::OpId id : ops) std::swap(f.op(id).regions[0], f.op(id).regions[1]);
  return static_cast<int>(ops.size());
}

bool is_used(const ir::Function& f, ir::ValueId value) {
  const auto among = [&](const std::vector<ir::ValueId>& values) {
    return std::find(values.begin(), values.end(), value) != values.end();
  };
  for (std::size_t r = 0; r < f.region_count(); ++r) {
    const ir::Region& region = f.region(ir::RegionId(r));
    if (among(region.results)) return true;
    for (ir::OpId id : region.ops) {
      if (among(f.op(id).operands)) return true;
    }
  }
  return std::any_of(f.updates().begin(), f.updates().end(),
                     [&](const ir::Update& update) { return update.value == value; });
}

std::vector<ir::OpId> all_draws(const ir::Function& f) {
  std::vector<ir::OpId> draws = all_ops(f, Opcode::random_uniform);
  for (ir::OpId id : all_ops(f, Opcode::random_normal)) draws.push_back(id);
  return draws;
}

int drop_dead_draws(ir::Function& f) {
  int changed = 0;
  for (ir::OpId id : all_draws(f)) {
    if (is_used(f, f.result(id))) continue;
    f.replace_uses(f.result(id, 1), f.op(id).operands[0]);
    std::erase(f.region(f.op(id).parent).ops, id);
    ++changed;
  }
  return changed;
}

int share_draws(ir::Function& f) {
  int changed = 0;
  const auto draws = all_draws(f);
  for (std::size_t i = 1; i < draws.size(); ++i) {
    const ir::Op &first = f.op(draws[i - 1]), &second = f.op(draws[i]);
    if (first.opcode != second.opcode || first.parent != second.parent) continue;
    if (f.types(first.results) != f.types(second.results)) continue;
    f.replace_uses(second.results[0], first.results[0]);
    ++changed;
  }
  return changed;
}

// In the round, a carried value stays what it was before the loop.
int forget_what_is_carried(ir::Function& f) {
  int changed = 0;
  for (const Opcode loop : {Opcode::while_loop, Opcode::scan}) {
    for (ir::OpId id : all_ops(f, loop)) {
      const ir::Op& op = f.op(id);
      const std::size_t carried = loop == Opcode::scan
                                      ? static_cast<std::size_t>(op.attrs.integer("carried"))
                                      : op.operands.size();
      const ir::RegionId round = op.regions.back();
      for (std::size_t i = 0; i < carried; ++i) {
        if (!is_floating(f.value(op.operands[i]).type.dtype)) continue;
        f.replace_uses(f.region(round).arguments[i], op.operands[i]);
        ++changed;
      }
    }
  }
  return changed;
}

// The scan starts at the second entry; the first comes last.
int rotate_sequences(ir::Function& f) {
  int changed = 0;
  for (ir::OpId id : all_ops(f, Opcode::scan)) {
    const auto first = static_cast<std::size_t>(f.op(id).attrs.integer("carried"));
    const std::int64_t n = f.value(f.op(id).operands[first]).type.shape.sizes()[0];
    if (n < 2) continue;
    Rewriter r(f, id);
    const auto part = [&](std::int64_t begin, std::int64_t end) {
      return r.add(Opcode::slice, {r.operand(first)},
                   {{"axis", 0}, {"begin", begin}, {"end", end}, {"step", 1}});
    };
    const ir::ValueId rest = part(1, n), front = part(0, 1);
    f.op(id).operands[first] = r.add(Opcode::concat, {rest, front}, {{"axis", 0}});
    ++changed;
  }
  return changed;
}

// What branches and loops write into tensors of the outside is lost.
int lose_updates(ir::Function& f) {
  return static_cast<int>(std::erase_if(f.updates(), [&](const ir::Update& update) {
    const ir::InputKind kind = f.inputs()[update.input].kind;
    const ir::OpId producer = f.value(update.value).producer;
    return kind != ir::InputKind::state && kind != ir::InputKind::token && producer.valid() &&
           ir::info(f.op(producer).opcode).has(ir::kRegion);
  }));
}

bool reads(const ir::Function& f, ir::OpId id, ir::ValueId value) {
  const ir::Op& op = f.op(id);
  if (std::find(op.operands.begin(), op.operands.end(), value) != op.operands.end()) return true;
  return std::any_of(op.regions.begin(), op.regions.end(), [&](ir::RegionId inner) {
    const ir::Region& region = f.region(inner);
    return std::find(region.results.begin(), region.results.end(), value) != region.results.end() ||
           std::any_of(region.ops.begin(), region.ops.end(),
                       [&](ir::OpId nested) { return reads(f, nested, value); });
  });
}

// An op that reads an input before its update reads the updated value.
int update_before_reading(ir::Function& f) {
  auto& ops = f.body().ops;
  for (const ir::Update& update : f.updates()) {
    const ir::ValueId before = f.body().arguments[update.input];
    const ir::OpId producer = f.value(update.value).producer;
    if (!producer.valid() || !is_floating(f.value(before).type.dtype)) continue;
    const auto made = std::find(ops.begin(), ops.end(), producer);
    for (auto reader = ops.begin(); reader < made; ++reader) {
      auto& operands = f.op(*reader).operands;
      const auto read = std::find(operands.begin(), operands.end(), before);
      const bool needed = std::any_of(reader + 1, made + 1, [&](ir::OpId later) {
        const auto& results = f.op(*reader).results;
        return std::any_of(results.begin(), results.end(),
                           [&](ir::ValueId result) { return reads(f, later, result); });
      });
      if (read == operands.end() || needed) continue;
      *read = update.value;
      std::rotate(reader, reader + 1, made + 1);  // to behind the update
      return 1;
    }
  }
  return 0;
}

std::vector<Mutant> all_mutants() {
  std::vector<Mutant> all = kMutants;
  const std::vector<Mutant> control = {
      {"a limited loop runs once more", run_loops_once_more},
      {"the other branch is taken", swap_branches},
      {"a dead draw is dropped", drop_dead_draws},
      {"two draws are taken for one", share_draws},
      {"a loop forgets what it carries", forget_what_is_carried},
      {"a scan starts at the second entry", rotate_sequences},
      {"updates in branches and loops are lost", lose_updates},
      {"an update is applied before a read", update_before_reading},
  };
  all.insert(all.end(), control.begin(), control.end());
  return all;
}

// The graph, a trace of the program or what became of it, on the program's inputs.
Outcome run_graph(const Program& program, const ir::Graph& graph) {
  const TracedProgram traced(program);
  const Executable executable =
      compile(Graph::parse(ir::print(graph)), {.backend = Backend::graph});
  Outcome outcome = observe(traced.inputs, [&] { return executable(traced.arguments()); });
  outcome.handles.clear();
  return outcome;
}

class Mutants : public testing::TestWithParam<std::size_t> {};

TEST_P(Mutants, AreCaught) {
  const std::vector<Mutant> all = all_mutants();
  const Mutant& mutant = all[GetParam()];
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Choices choices(seed);
    const Program program = generate(choices, 20);
    Outcome want = run_imperatively(program);
    want.handles.clear();  // a program from text gives tensors of its own
    const bool weak = std::any_of(want.results.begin(), want.results.end(),
                                  [](const Tensor& result) { return result.is_weak(); });
    if (weak || !want.error.empty()) continue;
    ir::Graph graph = ir::parse(trace_text(program));
    const auto unchanged = difference(want, run_graph(program, graph));
    ASSERT_FALSE(unchanged) << "seed " << seed << " without the mutant: " << *unchanged;
    if (mutant.apply(graph.main()) > 0 && difference(want, run_graph(program, graph))) return;
  }
  FAIL() << "nothing caught: " << mutant.name;
}

INSTANTIATE_TEST_SUITE_P(All, Mutants, testing::Range<std::size_t>(0, all_mutants().size()));

}  // namespace
}  // namespace mlpjit::differential
