// The random programs below the frontend: the bits before and after each pass alone, and machine
// code whose memory ends at pages that cannot be read, with steps in one range and in several.

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "lib/ir/text.h"
#include "test/differential/counts.h"
#include "test/differential/modes.h"
#include "test/programs/captured_output.h"
#include "test/programs/compiled.h"
#include "test/programs/fusions.h"
#include "test/programs/passes.h"

namespace mlpjit::differential {
namespace {

constexpr std::uint64_t kShards = 2;

class Compiler : public testing::TestWithParam<std::uint64_t> {
 protected:
  // Calls `check` for the programs of the shard, of one in `every` seeds, until one fails.
  template <class Check>
  void for_each_graph(std::uint64_t every, const Check& check) {
    const std::uint64_t first = number_from_environment("MLPJIT_SEED", 1);
    for (std::uint64_t i = GetParam(); i < graph_count() / every && !HasFailure(); i += kShards) {
      Choices choices(first + i);
      const Program program = generate(choices, 20);
      const TracedProgram traced(program);
      SCOPED_TRACE("seed " + std::to_string(first + i) + "\n" + to_string(program));
      const test::CapturedOutput silence;
      const random::StreamScope stream(kStreamSeed);
      check(*traced.trace.graph, first + i);
    }
  }
};

// A pass that never finds anything would keep all bits: each must change a good part of the
// programs.
TEST_P(Compiler, PassesKeepTheBits) {
  std::map<std::string_view, std::uint64_t> changed;
  std::uint64_t graphs = 0;
  for_each_graph(2, [&](const ir::Graph& graph, std::uint64_t) {
    ++graphs;
    for (const passes::PassInfo& pass : passes::all_passes()) {
      const auto counted = [&](ir::Graph& copy) {
        const int changes = pass.run(copy, support::default_isa());
        if (changes > 0) ++changed[pass.name];
        return changes;
      };
      const ir::Graph after = passes::testing::check_pass(graph, counted, 2);
      EXPECT_EQ(passes::testing::broken_fusion_rules(after), std::vector<std::string>{})
          << pass.name;
    }
    const auto all = [](ir::Graph& copy) {
      passes::PipelineSettings settings;
      settings.isa = support::default_isa();
      settings.verify = true;
      passes::run_pipeline(copy, settings);
      return 0;
    };
    EXPECT_EQ(passes::testing::broken_fusion_rules(passes::testing::check_pass(graph, all, 2)),
              std::vector<std::string>{});
  });
  for (const passes::PassInfo& pass : passes::all_passes()) {
    if (pass.name == "inline_calls") continue;  // a trace has no calls
    EXPECT_GT(changed[pass.name], graphs / 20) << pass.name;
    std::cout << pass.name << " changes " << changed[pass.name] << " of " << graphs << "\n";
  }
}

TEST_P(Compiler, CodeGivesTheBitsOfTheInterpreterAndStaysInItsMemory) {
  const std::vector<support::Isa> isas = test::runnable_isas();
  for_each_graph(5, [&](const ir::Graph& graph, std::uint64_t seed) {
    const bool optimize = seed % 4 != 0, divide = seed % 3 == 0;
    const test::Compiled code(graph, isas[seed / kShards % isas.size()], optimize,
                              divide ? plan::Division{2, 0} : plan::Division{});
    for (const test::Numbers numbers : {test::Numbers::ordinary, test::Numbers::special})
      EXPECT_EQ(test::compare(code, numbers), "") << ir::print(graph);
  });
}

INSTANTIATE_TEST_SUITE_P(Seeded, Compiler, testing::Range<std::uint64_t>(0, kShards));

}  // namespace
}  // namespace mlpjit::differential
