#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "test/programs/passes.h"

namespace mlpjit::passes::testing {
namespace {

TEST(cse, computes_the_same_thing_once) {
  const ir::Graph before = parse_main("%x: f32[20], %y: f32[20]",
                                      "%a = add %x, %y %b = add %y, %x %c = subtract %x, %y %d = "
                                      "subtract %y, %x %r = multiply %a, %b "
                                      "%s = multiply %c, %d",
                                      "%r, %s");
  const ir::Graph after = check_pass(before, cse);
  EXPECT_EQ(count(after, "add"), 1);
  EXPECT_EQ(count(after, "subtract"), 2);
}

TEST(cse, compares_literals_and_attributes_on_the_bits) {
  const ir::Graph before = parse_main(
      "%x: f32[20]",
      "%a = constant f32[2] [0, nan] %b = constant f32[2] [0, nan] %c = constant f32[2] [-0, nan] "
      "%d = leaky_relu %x {alpha = 0} %e = leaky_relu %x {alpha = -0} %f = leaky_relu %x {alpha = "
      "0}",
      "%a, %b, %c, %d, %e, %f");
  const ir::Graph after = check_pass(before, cse);
  EXPECT_EQ(count(after, "constant"), 2);
  EXPECT_EQ(count(after, "leaky_relu"), 2);
}

TEST(cse, follows_what_it_merged) {
  const ir::Graph before = parse_main(
      "%x: f32[20]", "%a = exp %x %b = exp %x %c = tanh %a %d = tanh %b %r = add %c, %d", "%r");
  EXPECT_EQ(count_ops(check_pass(before, cse)), 3);
}

TEST(cse, uses_outer_values_in_regions_and_not_the_other_way) {
  ir::Graph graph =
      parse_main("%p: bool[], %x: f32[20]",
                 "%e = exp %x "
                 "%r, %s = cond %p, %x { ^(%a: f32[20]) %b = exp %x %c = tanh %x yield %b, %c } "
                 "{ ^(%a2: f32[20]) %b2 = tanh %x %c2 = exp %x yield %b2, %c2 } "
                 "%t = tanh %x",
                 "%r, %s, %e, %t");
  const ir::Graph after = check_pass(graph, cse);
  EXPECT_EQ(count(after, "exp"), 1);
  EXPECT_EQ(count(after, "tanh"), 3);
}

TEST(cse, leaves_what_may_fail_and_what_draws) {
  const ir::Graph before = parse_main("%x: f32[3], %i: i64[2], %s: i64[2] = state",
                                      "%a = gather %x, %i {axis = 0} %b = gather %x, %i {axis = 0} "
                                      "%u, %s1 = random_uniform %s {shape = [2], dtype = f32} "
                                      "%v, %s2 = random_uniform %s1 {shape = [2], dtype = f32}",
                                      "%a, %b, %u, %v update %s = %s2");
  const ir::Graph after = check_pass(before, cse);
  EXPECT_EQ(count(after, "gather"), 2);
  EXPECT_EQ(count(after, "random_uniform"), 2);
}

TEST(cse, merges_extremes_that_cannot_fail) {
  const ir::Graph before = parse_main(
      "%x: f32[3, 4]",
      "%a = max %x {axes = [1], keepdims = false} %b = max %x {axes = [1], keepdims = false} "
      "%c = max %x {axes = [1], keepdims = true}",
      "%a, %b, %c");
  EXPECT_EQ(count(check_pass(before, cse), "max"), 2);
}

// Each op twice, with one attribute that differs: of every kind of attribute.
TEST(cse, ops_that_differ_in_any_attribute_stay_two) {
  const char* const pairs[][2] = {
      {"sum %x {axes = [0], keepdims = false}", "sum %x {axes = [1], keepdims = false}"},
      {"sum %x {axes = [0, 1], keepdims = false}", "sum %x {axes = [0, 1], keepdims = true}"},
      {"argmax %x {axes = [0], keepdims = false}", "argmax %x {axes = [1], keepdims = false}"},
      {"softmax %x {axis = 0}", "softmax %x {axis = 1}"},
      {"slice %x {axis = 0, begin = 0, end = 3, step = 1}",
       "slice %x {axis = 1, begin = 0, end = 3, step = 1}"},
      {"slice %x {axis = 0, begin = 0, end = 3, step = 1}",
       "slice %x {axis = 0, begin = 1, end = 4, step = 1}"},
      {"slice %x {axis = 0, begin = 0, end = 3, step = 1}",
       "slice %x {axis = 0, begin = 0, end = 4, step = 1}"},
      {"slice %x {axis = 0, begin = 0, end = 4, step = 1}",
       "slice %x {axis = 0, begin = 0, end = 4, step = 3}"},
      {"concat %x, %x {axis = 0}", "concat %x, %x {axis = 1}"},
      {"transpose %x {permutation = [0, 1]}", "transpose %x {permutation = [1, 0]}"},
      {"reshape %x {shape = [2, 8]}", "reshape %x {shape = [8, 2]}"},
      {"cast %x {dtype = f64}", "cast %x {dtype = i64}"},
      {"leaky_relu %x {alpha = 0.5}", "leaky_relu %x {alpha = 0.25}"},
  };
  for (const auto& [first, second] : pairs) {
    const std::string body = std::string("%a = ") + first + " %b = " + second;
    const ir::Graph before = parse_main("%x: f32[4, 4]", body, "%a, %b");
    EXPECT_EQ(count_ops(check_pass(before, cse)), 2) << body;
    const std::string twice = std::string("%a = ") + first + " %b = " + first;
    EXPECT_EQ(count_ops(check_pass(parse_main("%x: f32[4, 4]", twice, "%a, %b"), cse)), 1) << twice;
  }
}

}  // namespace
}  // namespace mlpjit::passes::testing
