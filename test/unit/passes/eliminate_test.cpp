#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "test/programs/passes.h"

namespace mlpjit::passes::testing {
namespace {

TEST(eliminate_dead_values, drops_what_no_result_needs) {
  const ir::Graph before =
      parse_main("%x: f32[20]", "%a = exp %x %b = tanh %a %c = log %x %r = negative %a", "%r");
  const ir::Graph after = check_pass(before, eliminate_dead_values);
  EXPECT_EQ(count_ops(after), 2);
}

TEST(eliminate_dead_values, keeps_what_may_fail_and_what_it_needs) {
  const ir::Graph before = parse_main(
      "%x: f32[3], %i: i64[2], %n: i32[10], %d: i32[10]",
      "%j = add %i, %i %a = gather %x, %j {axis = 0} %q = floor_divide %n, %d %e = exp %x", "%x");
  const ir::Graph after = check_pass(before, eliminate_dead_values);
  EXPECT_EQ(count(after, "gather"), 1);
  EXPECT_EQ(count(after, "add"), 1);
  EXPECT_EQ(count(after, "floor_divide"), 1);
  EXPECT_EQ(count(after, "exp"), 0);
}

TEST(eliminate_dead_values, drops_what_provably_cannot_fail) {
  const ir::Graph before = parse_main(
      "%x: f32[3], %n: i32[10], %f: f32[10]",
      "%i = constant i64[2] [-3, 2] %a = gather %x, %i {axis = 0} %three = constant i32[] 3 "
      "%q = floor_divide %n, %three %p = remainder %f, %f %m = argmax %x {axes = [0], keepdims = "
      "false} "
      "%h = one_hot %i {depth = 3, dtype = f32}",
      "%x");
  const ir::Graph after = check_pass(before, eliminate_dead_values);
  EXPECT_EQ(count_ops(after), 1);
  EXPECT_EQ(count(after, "one_hot"), 1);  // -3 is out of its range
}

TEST(eliminate_dead_values, keeps_updates_and_the_draws_behind_a_state) {
  const ir::Graph before =
      parse_main("%x: f32[4], %s: i64[2] = state",
                 "%u, %s1 = random_uniform %s {shape = [2], dtype = f32} %y = exp %x %z = tanh %x",
                 "update %s = %s1, %x = %y");
  const ir::Graph after = check_pass(before, eliminate_dead_values);
  EXPECT_EQ(count_ops(after), 2);
  EXPECT_EQ(count(after, "tanh"), 0);
}

TEST(eliminate_dead_values, keeps_regions_that_may_fail_and_drops_others) {
  const char* const inputs = "%p: bool[], %x: i32[10], %y: i32[10]";
  const ir::Graph failing = parse_main(
      inputs,
      "%r = cond %p, %x, %y { ^(%a: i32[10], %b: i32[10]) %c = remainder %a, %b yield %c } "
      "{ ^(%a2: i32[10], %b2: i32[10]) %c2 = add %a2, %b2 yield %c2 }",
      "%x");
  EXPECT_EQ(count(check_pass(failing, eliminate_dead_values), "cond"), 1);
  const ir::Graph pure = parse_main(
      inputs,
      "%r = cond %p, %x, %y { ^(%a: i32[10], %b: i32[10]) %c = subtract %a, %b yield %c } "
      "{ ^(%a2: i32[10], %b2: i32[10]) %c2 = add %a2, %b2 yield %c2 }",
      "%x");
  EXPECT_EQ(count_ops(check_pass(pure, eliminate_dead_values)), 0);
}

TEST(eliminate_dead_values, drops_results_of_cond_that_nobody_uses) {
  const ir::Graph before =
      parse_main("%p: bool[], %x: f32[4]",
                 "%r, %s = cond %p, %x { ^(%a: f32[4]) %b = exp %a %c = tanh %a yield %b, %c } "
                 "{ ^(%a2: f32[4]) %b2 = log %a2 %c2 = sin %a2 yield %b2, %c2 }",
                 "%s");
  const ir::Graph after = check_pass(before, eliminate_dead_values);
  EXPECT_EQ(count(after, "exp") + count(after, "log"), 0);
  EXPECT_EQ(count(after, "tanh") + count(after, "sin"), 2);
}

TEST(eliminate_dead_values, keeps_prints_in_called_functions) {
  ir::Graph graph = ir::parse(R"(
func @say(%x: f32[], %t: token = token) {
  %u = print "x" %t, %x
  return %x, %u
}
func @main(%x: f32[], %t: token = token) {
  %y, %u = call @say(%x, %t) : f32[], token
  return update %t = %u
}
)");
  eliminate_dead_values(graph);
  EXPECT_EQ(count(graph, "print"), 1);
  EXPECT_EQ(count(graph, "call"), 1);
}

}  // namespace
}  // namespace mlpjit::passes::testing
