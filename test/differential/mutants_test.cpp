// The random-graph loop must be able to fail: wrong rewrites of the kind that compilers make, each
// of which it has to catch within a few hundred graphs.

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/ir/text.h"
#include "src/trace/recorder.h"
#include "test/differential/modes.h"

namespace mlpjit::differential {
namespace {

using ir::Opcode;

// Rewrites one op of main: new ops go before it, and its result is replaced.
class Rewriter {
 public:
  Rewriter(ir::Function& function, ir::OpId op) : function_(function), op_(op) {}

  ir::ValueId add(Opcode opcode, std::vector<ir::ValueId> operands, ir::Attrs attrs = {}) {
    const ir::OpId made =
        function_.append(ir::Function::kBody, opcode, std::move(operands), std::move(attrs));
    auto& ops = function_.body().ops;
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

struct Mutant {
  std::string name;
  Opcode target;
  // The wrong value, or nothing when the mutant leaves this op alone.
  std::function<std::optional<ir::ValueId>(Rewriter&)> rewrite;
};

const std::vector<Mutant> kMutants = {
    {"relu as a maximum with zero (loses -0)", Opcode::relu,
     [](Rewriter& r) -> std::optional<ir::ValueId> {
       if (!is_floating(r.result_type().dtype)) return std::nullopt;
       return r.add(Opcode::maximum, {r.operand(0), r.scalar(0)});
     }},
    {"maximum as a select on > (loses NaN)", Opcode::maximum,
     [](Rewriter& r) -> std::optional<ir::ValueId> {
       return r.add(Opcode::where, {r.add(Opcode::greater, {r.operand(0), r.operand(1)}),
                                    r.operand(0), r.operand(1)});
     }},
    {"division as a multiplication by the reciprocal", Opcode::divide,
     [](Rewriter& r) -> std::optional<ir::ValueId> {
       return r.add(Opcode::multiply,
                    {r.operand(0), r.add(Opcode::divide, {r.scalar(1), r.operand(1)})});
     }},
    {"> as the opposite of <= (wrong for NaN)", Opcode::greater,
     [](Rewriter& r) -> std::optional<ir::ValueId> {
       return r.add(Opcode::logical_not, {r.add(Opcode::less_equal, {r.operand(0), r.operand(1)})});
     }},
    {"the bias added after the chain instead of before", Opcode::dense,
     [](Rewriter& r) -> std::optional<ir::ValueId> {
       if (r.operand_count() < 3) return std::nullopt;
       return r.add(Opcode::add,
                    {r.add(Opcode::dense, {r.operand(0), r.operand(1)}), r.operand(2)});
     }},
    {"a sum over rows taken column by column", Opcode::mean,
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
     }},
};

int mutate(ir::Graph& graph, const Mutant& mutant) {
  ir::Function& main = graph.main();
  int changed = 0;
  const std::vector<ir::OpId> ops = main.body().ops;
  for (ir::OpId id : ops) {
    if (main.op(id).opcode != mutant.target) continue;
    Rewriter rewriter(main, id);
    const auto wrong = mutant.rewrite(rewriter);
    if (!wrong) continue;
    main.replace_uses(main.result(id), *wrong);
    ++changed;
  }
  return changed;
}

class Mutants : public testing::TestWithParam<std::size_t> {};

TEST_P(Mutants, AreCaught) {
  const Mutant& mutant = kMutants[GetParam()];
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Choices choices(seed);
    const Program program = generate(choices, 20);
    const Outcome want = run_imperatively(program);
    if (!want.error.empty()) continue;
    ir::Graph graph = ir::parse(trace_text(program));
    if (mutate(graph, mutant) == 0) continue;
    const Executable wrong = compile(Graph::parse(ir::print(graph)), {.backend = Backend::graph});
    Tensors arguments = arguments_of_trace(program);
    if (difference(want, {wrong(arguments), {}})) return;
  }
  FAIL() << "nothing caught: " << mutant.name;
}

INSTANTIATE_TEST_SUITE_P(All, Mutants, testing::Range<std::size_t>(0, kMutants.size()));

}  // namespace
}  // namespace mlpjit::differential
