#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "lib/passes/rewrite.h"
#include "test/programs/fusions.h"
#include "test/programs/passes.h"

namespace mlpjit::passes::testing {
namespace {

using Lines = std::vector<std::string>;

// Fuses, checks the bits and the rules of lib/ir/fusion.h, and gives what was fused.
Lines fused(const char* inputs, const std::string& body, const char* results) {
  const ir::Graph after = check_pass(parse_main(inputs, body, results), fuse);
  EXPECT_EQ(broken_fusion_rules(after), Lines{});
  return fusions(after);
}

TEST(fuse, makes_one_kernel_of_a_chain) {
  EXPECT_EQ(
      fused("%x: f32[4, 5], %y: f32[5]", "%a = add %x, %y %b = tanh %a %c = multiply %b, %x", "%c"),
      Lines{"elementwise: add tanh multiply"});
}

TEST(fuse, leaves_single_ops_alone) {
  EXPECT_EQ(fused("%x: f32[20]", "%a = tanh %x", "%a"), Lines{});
}

TEST(fuse, embeds_scalar_constants) {
  const ir::Graph after = check_pass(
      parse_main("%x: f32[20]",
                 "%two = constant f32[] 2 %half = constant f32[1] [0.5] %a = multiply %x, %two "
                 "%b = add %a, %half %c = add %b, %two",
                 "%c"),
      fuse);
  ASSERT_EQ(fusions(after), Lines{"elementwise: multiply add add"});
  for (ir::OpId id : after.main().body().ops) {
    const ir::Op& op = after.main().op(id);
    if (op.opcode == ir::Opcode::fusion) {
      EXPECT_EQ(op.operands.size(), 1u);
    }
  }
}

TEST(fuse, gives_values_that_others_use) {
  const ir::Graph after = check_pass(parse_main("%x: f32[4, 5], %y: f32[4, 5]",
                                                "%a = add %x, %y %b = tanh %a %c = multiply %b, %a "
                                                "%s = sum %a {axes = [0, 1], keepdims = false}",
                                                "%c, %b, %s"),
                                     fuse);
  EXPECT_EQ(fusions(after), Lines{"elementwise: add tanh multiply"});
  EXPECT_EQ(count(after, "sum"), 1);
}

TEST(fuse, takes_producers_of_a_member_in) {
  EXPECT_EQ(fused("%x: f32[20], %y: f32[20]",
                  "%a = exp %x %b = log %y %c = sqrt %b %d = add %a, %c", "%d"),
            Lines{"elementwise: exp log sqrt add"});
}

TEST(fuse, never_makes_a_cycle) {
  // %s needs %a and %d needs %s: the three element-wise ops cannot be one.
  EXPECT_EQ(fused("%x: f32[4, 5]",
                  "%a = exp %x %s = sum %a {axes = [1], keepdims = true} %b = negative %a %d = "
                  "divide %b, %s",
                  "%d"),
            Lines{"elementwise: negative divide"});
}

TEST(fuse, keeps_integer_division_out) {
  EXPECT_EQ(fused("%x: i32[10], %y: i32[10]",
                  "%a = add %x, %y %b = multiply %a, %x %c = floor_divide %b, %y %d = negative %c "
                  "%e = abs %d",
                  "%e"),
            (Lines{"elementwise: add multiply", "elementwise: negative abs"}));
}

TEST(fuse, mixes_kinds_of_one_width_only) {
  EXPECT_EQ(
      fused("%x: i32[10], %y: f32[10]",
            "%a = cast %x {dtype = f32} %b = add %a, %y %p = less %b, %y %c = where %p, %b, %y "
            "%d = cast %c {dtype = f64} %e = exp %d %f = negative %e",
            "%f"),
      (Lines{"elementwise: cast add less where", "elementwise: exp negative"}));
}

std::string numbered(const char* name, int i) {
  return std::string(name).append(std::to_string(i));
}

TEST(fuse, bounds_its_groups) {
  std::string body = "%v0 = negative %x ";
  for (int i = 1; i < 60; ++i) {
    body += numbered("%v", i) + " = " + (i % 2 == 0 ? "negative " : "tanh ") +
            numbered("%v", i - 1) + " ";
  }
  EXPECT_EQ(fused("%x: f32[20]", body, "%v59").size(), 3u);

  std::string inputs = "%x0: f32[20]";
  body = "%v0 = negative %x0 ";
  for (int i = 1; i < 20; ++i) {
    inputs += numbered(", %x", i) + ": f32[20]";
    body += numbered("%v", i) + " = add " + numbered("%v", i - 1) + numbered(", %x", i) + " ";
  }
  EXPECT_EQ(fused(inputs.c_str(), body, "%v19").size(), 2u);
}

TEST(fuse, gives_dense_its_epilogue) {
  EXPECT_EQ(
      fused(
          "%x: f32[4, 7], %w: f32[5, 7] = param \"w\", %b: f32[5] = param \"b\", %r: f32[4, 5]",
          "%d = dense %x, %w, %b %a = relu %d %c = add %a, %r %s = sigmoid %c %o = multiply %s, %c",
          "%o"),
      Lines{"dense: dense relu add sigmoid multiply"});
}

TEST(fuse, ends_an_epilogue_where_a_value_is_needed) {
  EXPECT_EQ(
      fused("%x: f32[4, 5], %w: f32[5, 5] = param \"w\"",
            "%d = dense %x, %w %a = relu %d %e = dense %a, %w %c = add %e, %a %f = tanh %c", "%f"),
      (Lines{"dense: dense relu", "dense: dense add tanh"}));
}

TEST(fuse, takes_into_an_epilogue_only_what_rows_and_columns_address) {
  EXPECT_EQ(fused("%x: f32[2, 3, 7], %w: f32[5, 7] = param \"w\", %m: f32[3, 5]",
                  "%d = dense %x, %w %a = add %d, %m %b = tanh %a", "%b"),
            Lines{"elementwise: add tanh"});
  EXPECT_EQ(fused("%x: f32[2, 3, 7], %w: f32[5, 7] = param \"w\", %m: f32[2, 3, 1]",
                  "%d = dense %x, %w %a = add %d, %m %b = tanh %a", "%b"),
            Lines{"dense: dense add tanh"});
}

TEST(fuse, gives_matmul_its_epilogue) {
  EXPECT_EQ(fused("%x: f32[4, 7], %w: f32[7, 5]", "%d = matmul %x, %w %a = gelu %d", "%a"),
            Lines{"dense: matmul gelu"});
  const char* const batch = "%x: f32[2, 4, 7], %w: f32[2, 7, 5], %m: f32[4, 5]";
  EXPECT_EQ(fused(batch, "%d = matmul %x, %w %s = add %d, %m %a = gelu %s", "%a"),
            Lines{"dense: matmul add gelu"});
  const char* const vector = "%x: f32[4, 7], %w: f32[7], %b: f32[4]";
  EXPECT_EQ(fused(vector, "%d = matmul %x, %w %s = add %d, %b %a = gelu %s", "%a"),
            Lines{"dense: matmul add gelu"});
}

TEST(fuse, an_epilogue_keeps_the_dtype_of_its_result) {
  EXPECT_EQ(fused("%x: f32[4, 7], %w: f32[5, 7], %y: f32[5]",
                  "%d = dense %x, %w %a = relu %d %p = greater %a, %y", "%p"),
            Lines{"dense: dense relu"});
}

TEST(fuse, surrounds_reductions) {
  EXPECT_EQ(
      fused("%x: f32[4, 5], %y: f32[5], %z: f32[4]",
            "%d = subtract %x, %y %q = multiply %d, %d %s = sum %q {axes = [1], keepdims = false} "
            "%r = sqrt %s %o = add %r, %z",
            "%o"),
      Lines{"reduction: subtract multiply sum sqrt add"});
}

TEST(fuse, leaves_producers_that_others_need) {
  EXPECT_EQ(fused("%x: f32[4, 5]",
                  "%d = exp %x %q = negative %d %s = sum %q {axes = [1], keepdims = true} %o = "
                  "divide %d, %s",
                  "%o"),
            Lines{"reduction: negative sum"});
}

TEST(fuse, fuses_extremes_only_of_something) {
  EXPECT_EQ(fused("%x: f32[4, 5]", "%a = abs %x %m = max %a {axes = [1], keepdims = false}", "%m"),
            Lines{"reduction: abs max"});
  EXPECT_EQ(fused("%x: f32[4, 0]", "%a = abs %x %m = max %a {axes = [1], keepdims = false}", "%a"),
            Lines{});
}

TEST(fuse, leaves_reductions_of_integers_and_of_axes_that_are_not_last) {
  const Lines none;
  EXPECT_EQ(fused("%x: i64[4, 5]", "%a = abs %x %m = sum %a {axes = [1], keepdims = false}", "%m"),
            none);
  for (const char* axes : {"[0, 2]", "[0]", "[1]", "[0, 1]"}) {
    const std::string sum = std::string("%m = sum %a {axes = ") + axes + ", keepdims = false}";
    EXPECT_EQ(fused("%x: f32[4, 5, 3]", "%a = abs %x " + sum, "%m"), none) << axes;
  }
  EXPECT_EQ(
      fused("%x: f32[4, 5, 1]", "%a = abs %x %m = sum %a {axes = [0, 1], keepdims = false}", "%m"),
      Lines{"reduction: abs sum"});
}

TEST(fuse, leaves_a_dense_whose_weight_is_computed) {
  EXPECT_EQ(
      fused("%x: f32[4, 7], %w: f32[5, 7]", "%v = exp %w %d = dense %x, %v %a = relu %d", "%a"),
      Lines{});
}

TEST(fuse, surrounds_rows) {
  EXPECT_EQ(fused("%x: f32[4, 5], %y: f32[5]",
                  "%a = add %x, %y %s = softmax %a {axis = 1} %l = log %s %n = negative %l", "%n"),
            Lines{"row: add softmax log negative"});
  EXPECT_EQ(
      fused("%x: f32[4, 5], %g: f32[5], %b: f32[5]",
            "%a = add %x, %x %s = layer_norm %a, %g, %b {epsilon = 1e-05} %l = relu %s", "%l"),
      Lines{"row: add layer_norm relu"});
  EXPECT_EQ(fused("%x: f32[4, 5]", "%a = abs %x %s = log_softmax %a {axis = 0}", "%s"), Lines{});
}

TEST(fuse, works_inside_regions) {
  EXPECT_EQ(fused("%n: i32[], %x: f32[20]",
                  "%scale = exp %x "
                  "%r = while_loop %x {max_iterations = 3} "
                  "{ ^(%a: f32[20]) %t = constant bool[] true yield %t } "
                  "{ ^(%a2: f32[20]) %b = multiply %a2, %scale %c = tanh %b yield %c }",
                  "%r"),
            Lines{"elementwise: multiply tanh"});
}

TEST(fuse, keeps_failures_and_prints_in_order) {
  const ir::Graph before = parse_main("%x: f32[10], %n: i32[10], %d: i32[10], %i: i64[1]",
                                      "%a = exp %x %q = floor_divide %n, %d %b = tanh %a %g = "
                                      "gather %x, %i {axis = 0} %c = add %b, %g",
                                      "%c, %q");
  const ir::Graph after = check_pass(before, fuse);
  EXPECT_EQ(fusions(after), Lines{"elementwise: exp tanh add"});
}

TEST(fuse, names_the_result_as_before) {
  ir::Graph graph = parse_main("%x: f32[20]", "%a = exp %x %out = tanh %a", "%out");
  fuse(graph);
  EXPECT_EQ(graph.main().value(graph.main().body().results[0]).name, "out");
}

}  // namespace
}  // namespace mlpjit::passes::testing
