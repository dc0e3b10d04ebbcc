#include <gtest/gtest.h>

#include <cfenv>
#include <cstring>

#include "lib/ir/text.h"
#include "test/programs/outcome.h"
#include "test/programs/passes.h"

namespace mlpjit::passes::testing {
namespace {

int folded(ir::Graph& graph) {
  const int changes = fold(graph, support::default_isa());
  eliminate_dead_values(graph);
  return changes;
}

float constant_result(const ir::Graph& graph) {
  const test::Outcome outcome = test::interpret(graph, {});
  float value = 0;
  EXPECT_EQ(outcome.results.at(0).bytes(), sizeof(value));
  std::memcpy(&value, outcome.results[0].data(), sizeof(value));
  return value;
}

TEST(fold, computes_what_is_known) {
  const ir::Graph before = parse_main("",
                                      "%a = constant f32[] 1 %b = constant f32[] 2 %c = add %a, %b "
                                      "%d = exp %c %e = sum %d {axes = [], keepdims = false}",
                                      "%e");
  const ir::Graph after = check_pass(before, folded);
  EXPECT_EQ(count_ops(after), 0);
  EXPECT_EQ(count(after, "constant"), 1);
}

TEST(fold, folds_ops_of_several_results) {
  const ir::Graph before = parse_main(
      "", "%a = constant i32[4] [1, 2, 3, 4] %b, %c = split %a {axis = 0, sizes = [1, 3]}",
      "%c, %b");
  EXPECT_EQ(count_ops(check_pass(before, folded)), 0);
}

TEST(fold, uses_its_own_floating_point_environment) {
  ir::Graph graph =
      parse_main("", "%a = constant f32[] 1 %b = constant f32[] 3 %c = divide %a, %b", "%c");
  std::fesetround(FE_UPWARD);
  folded(graph);
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(count_ops(graph), 0);
  EXPECT_EQ(constant_result(graph), 1.0f / 3.0f);
}

TEST(fold, leaves_what_fails_to_fail_at_run_time) {
  for (const char* body :
       {"%a = constant i32[] 1 %b = constant i32[] 0 %c = floor_divide %a, %b",
        "%a = constant f32[2] [1, 2] %b = constant i64[] 2 %c = gather %a, %b {axis = 0}",
        "%a = constant i64[] 3 %c = one_hot %a {depth = 3, dtype = f32}",
        "%a = constant f32[0] [] %c = max %a {axes = [0], keepdims = false}"}) {
    const ir::Graph before = parse_main("", body, "%a");
    const ir::Graph after = check_pass(before, folded);
    EXPECT_EQ(count_ops(after), 1) << body;
    EXPECT_NE(test::interpret(after, {}).error, "") << body;
  }
}

TEST(fold, does_not_make_large_literals_of_small_ones) {
  ir::Graph graph =
      parse_main("", "%a = constant f32[] 1 %b = broadcast_to %a {shape = [100, 100]}", "%b");
  EXPECT_EQ(folded(graph), 0);
  ir::Graph hot = parse_main(
      "", "%a = constant i64[2] [1, 2] %b = one_hot %a {depth = 100000, dtype = f32}", "%b");
  EXPECT_EQ(folded(hot), 0);
}

TEST(fold, takes_the_branch_of_a_known_predicate) {
  const ir::Graph before = parse_main(
      "%x: f32[20], %y: f32[20]",
      "%p = constant bool[] false %q = logical_not %p "
      "%r, %s = cond %q, %x, %y { ^(%a: f32[20], %b: f32[20]) %c = add %a, %b yield %c, %a } "
      "{ ^(%a2: f32[20], %b2: f32[20]) %c2 = subtract %a2, %b2 yield %c2, %b2 }",
      "%r, %s");
  const ir::Graph after = check_pass(before, folded);
  EXPECT_EQ(count(after, "cond"), 0);
  EXPECT_EQ(count(after, "add"), 1);
  EXPECT_EQ(count(after, "subtract"), 0);
}

TEST(fold, folds_inside_branches_with_constants_from_outside) {
  const ir::Graph before = parse_main("%p: bool[]",
                                      "%c = constant f32[] 3 "
                                      "%r = cond %p, %c { ^(%a: f32[]) %b = exp %a yield %b } { "
                                      "^(%a2: f32[]) %b2 = log %a2 yield %b2 }",
                                      "%r");
  ir::Graph after = check_pass(before, folded);
  folded(after);  // the branches were visited before they got the constant
  EXPECT_EQ(count(after, "exp") + count(after, "log"), 0);
  EXPECT_EQ(count(after, "cond"), 1);
}

TEST(fold, drops_a_loop_that_never_runs) {
  const ir::Graph before = parse_main("%x: f32[4]",
                                      "%r = while_loop %x {max_iterations = -1} { ^(%a: f32[4]) %f "
                                      "= constant bool[] false yield %f } "
                                      "{ ^(%a2: f32[4]) %b = negative %a2 yield %b }",
                                      "%r");
  EXPECT_EQ(count(check_pass(before, folded), "while_loop"), 0);
}

TEST(fold, leaves_prints) {
  ir::Graph graph = parse_main("%t: token = token",
                               "%a = constant f32[] 1 %b = constant f32[] 2 %c = add %a, %b "
                               "%u = print \"sum\" %t, %c",
                               "update %t = %u");
  EXPECT_EQ(folded(graph), 1);
  EXPECT_EQ(count(graph, "print"), 1);
  EXPECT_EQ(count(graph, "add"), 0);
}

}  // namespace
}  // namespace mlpjit::passes::testing
