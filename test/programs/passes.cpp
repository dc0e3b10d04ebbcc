#include "test/programs/passes.h"

#include <gtest/gtest.h>

#include <regex>

#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "lib/ir/verify.h"
#include "lib/passes/rewrite.h"
#include "test/programs/outcome.h"

namespace mlpjit::passes::testing {

ir::Graph parse_main(std::string_view inputs, std::string_view body, std::string_view results) {
  // One statement per line, as the text form wants it; tests write several.
  static const std::regex kStatement(R"((%\w+(, %\w+)*) =)");
  const std::string lines = std::regex_replace(std::string(body), kStatement, "\n$&");
  return ir::parse("func @main(" + std::string(inputs) + ") {\n" + lines + "\nreturn " +
                   std::string(results) + "\n}\n");
}

int count(const ir::Graph& graph, std::string_view opcode) {
  int found = 0;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, ir::Function::kBody, [&](ir::OpId id) {
      if (to_string(function->op(id).opcode) == opcode) ++found;
    });
  }
  return found;
}

int count_ops(const ir::Graph& graph) {
  int found = 0;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, ir::Function::kBody, [&](ir::OpId id) {
      if (function->op(id).opcode != ir::Opcode::constant) ++found;
    });
  }
  return found;
}

ir::Graph check_pass(const ir::Graph& graph, const Pass& pass, int draws) {
  ir::Graph after = graph.clone();
  pass(after);
  const std::vector<ir::Fault> faults = ir::verify(after);
  for (const ir::Fault& fault : faults) ADD_FAILURE() << fault.where << ": " << fault.what;
  if (!faults.empty()) return after;
  for (int draw = 0; draw < draws; ++draw) {
    const test::Values inputs =
        test::draw_inputs(graph, static_cast<unsigned>(draw), test::Numbers::special);
    EXPECT_EQ(test::difference(test::interpret(graph, inputs), test::interpret(after, inputs)), "")
        << "draw " << draw << "\nbefore:\n"
        << ir::print(graph) << "after:\n"
        << ir::print(after);
  }
  return after;
}

Pass simplified() {
  return [](ir::Graph& graph) {
    const int changes = simplify(graph);
    eliminate_dead_values(graph);
    return changes;
  };
}

}  // namespace mlpjit::passes::testing
