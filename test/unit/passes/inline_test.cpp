#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "test/programs/passes.h"

namespace mlpjit::passes::testing {
namespace {

TEST(inline_calls, puts_the_bodies_in_place_and_drops_the_functions) {
  const ir::Graph before = ir::parse(R"(
func @square(%a: f32[20]) {
  %b = multiply %a, %a
  return %b
}
func @fourth(%a: f32[20]) {
  %b = call @square(%a) : f32[20]
  %c = call @square(%b) : f32[20]
  return %c, %b
}
func @main(%x: f32[20]) {
  %y, %z = call @fourth(%x) : f32[20], f32[20]
  return %z, %y
}
)");
  const ir::Graph after = check_pass(before, inline_calls);
  EXPECT_EQ(after.functions().size(), 1u);
  EXPECT_EQ(count(after, "call"), 0);
  EXPECT_EQ(count(after, "multiply"), 2);
}

TEST(inline_calls, gives_an_input_back_as_it_came) {
  const ir::Graph before = ir::parse(R"(
func @swap(%a: f32[4], %b: f32[4]) {
  return %b, %a
}
func @main(%x: f32[4], %y: f32[4]) {
  %p, %q = call @swap(%x, %y) : f32[4], f32[4]
  %r, %s = call @swap(%p, %q) : f32[4], f32[4]
  return %r, %s, %p
}
)");
  const ir::Graph after = check_pass(before, inline_calls);
  EXPECT_EQ(count_ops(after), 0);
}

TEST(inline_calls, reaches_calls_in_regions_and_copies_regions) {
  const ir::Graph before = ir::parse(R"(
func @pick(%p: bool[], %a: f32[4]) {
  %r = cond %p, %a {
    ^(%t: f32[4])
    %n = negative %t
    yield %n
  } {
    ^(%t2: f32[4])
    yield %t2
  }
  return %r
}
func @main(%p: bool[], %x: f32[4]) {
  %r = cond %p, %x {
    ^(%t: f32[4])
    %c = call @pick(%p, %t) : f32[4]
    yield %c
  } {
    ^(%t2: f32[4])
    %c2 = call @pick(%p, %t2) : f32[4]
    %d = call @pick(%p, %c2) : f32[4]
    yield %d
  }
  return %r
}
)");
  const ir::Graph after = check_pass(before, inline_calls);
  EXPECT_EQ(count(after, "cond"), 4);
  EXPECT_EQ(count(after, "call"), 0);
}

TEST(inline_calls, keeps_the_order_of_failures) {
  // The first division fails in every run whose second operand holds a zero; which op it is must
  // not change.
  const ir::Graph before = ir::parse(R"(
func @divide(%a: i32[10], %b: i32[10]) {
  %q = floor_divide %a, %b
  return %q
}
func @main(%a: i32[10], %b: i32[10], %i: i64[1], %t: f32[3]) {
  %g = gather %t, %i {axis = 0}
  %q = call @divide(%a, %b) : i32[10]
  return %g, %q
}
)");
  check_pass(before, inline_calls);
}

TEST(inline_calls, does_not_write_out_what_doubles_forty_times) {
  std::string text = "func @f0(%x: f32[]) { %y = add %x, %x return %y }\n";
  for (int i = 1; i < 40; ++i) {
    text += fmt::format(
        "func @f{0}(%x: f32[]) {{ %y = call @f{1}(%x) : f32[] %z = call @f{1}(%y) : f32[] return "
        "%z }}\n",
        i, i - 1);
  }
  text += "func @main(%x: f32[]) { %y = call @f39(%x) : f32[] return %y }\n";
  ir::Graph after = ir::parse(text);  // not run: that would take 2^39 additions
  inline_calls(after);
  EXPECT_GT(count(after, "call"), 0);
  EXPECT_LT(count_ops(after), 1 << 19);
}

// 2^17 calls of an op with 2^12 operands: few ops, but gigabytes of operands.
TEST(inline_calls, does_not_copy_many_operands_again_and_again) {
  std::string text = "func @many(%x: f32[1]) { %y = concat %x";
  for (int i = 1; i < 1 << 12; ++i) text += ", %x";
  text += " {axis = 0} %z = sum %y {axes = [0], keepdims = true} return %z }\n";
  std::string callee = "many";
  for (int i = 0; i < 17; ++i) {
    text += fmt::format(
        "func @f{0}(%x: f32[1]) {{ %y = call @{1}(%x) %z = call @{1}(%y) return %z }}\n", i,
        callee);
    callee = fmt::format("f{}", i);
  }
  ir::Graph after = ir::parse(text + "func @main(%x: f32[1]) { %y = call @f16(%x) return %y }\n");
  inline_calls(after);
  EXPECT_GT(count(after, "call"), 0);
  EXPECT_LT(count(after, "concat"), 1 << 15);
}

}  // namespace
}  // namespace mlpjit::passes::testing
