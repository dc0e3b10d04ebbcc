// The bits of random programs before and after each pass alone and the whole pipeline.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/ir/text.h"
#include "test/unit/passes/fusion_rules.h"
#include "test/unit/passes/passes_testing.h"
#include "test/unit/passes/random_graph.h"

namespace mlpjit::passes::testing {
namespace {

constexpr unsigned kGraphs = 1000;

int check_random(const Pass& pass) {
  int changed = 0;
  for (unsigned seed = 0; seed < kGraphs && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    const Pass counted = [&](ir::Graph& graph) {
      const int changes = pass(graph);
      if (changes > 0) ++changed;
      return changes;
    };
    const ir::Graph after = check_pass(random_graph(seed), counted, 2);
    EXPECT_EQ(broken_fusion_rules(after), std::vector<std::string>{});
  }
  return changed;
}

int fold_here(ir::Graph& graph) {
  return fold(graph, support::default_isa());
}

int whole_pipeline(ir::Graph& graph) {
  PipelineSettings settings;
  settings.isa = support::default_isa();
  settings.verify = true;
  int changes = 0;
  for (const PassReport& report : run_pipeline(graph, settings)) changes += report.changes;
  return changes;
}

// A pass that never finds anything would keep all bits: each must change a good part of the
// programs.
TEST(random_graphs, keep_their_bits_when_folded) {
  EXPECT_GT(check_random(fold_here), 20);
}
TEST(random_graphs, keep_their_bits_when_simplified) {
  EXPECT_GT(check_random(simplify), 100);
}
TEST(random_graphs, keep_their_bits_without_common_subexpressions) {
  EXPECT_GT(check_random(cse), 20);
}
TEST(random_graphs, keep_their_bits_without_dead_values) {
  EXPECT_GT(check_random(eliminate_dead_values), 200);
}
TEST(random_graphs, keep_their_bits_when_fused) {
  EXPECT_GT(check_random(fuse), 200);
}
TEST(random_graphs, keep_their_bits_through_the_pipeline) {
  EXPECT_GT(check_random(whole_pipeline), 300);
}

}  // namespace
}  // namespace mlpjit::passes::testing
