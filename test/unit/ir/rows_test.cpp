// Programs that treat their rows each by itself, and those that do not.

#include "lib/ir/rows.h"

#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "lib/ir/verify.h"

namespace mlpjit::ir {
namespace {

Graph graph_of(const std::string& inputs, const std::string& ops, const std::string& results) {
  return parse("func @main(" + inputs + ") {\n" + ops + "  return " + results + "\n}\n");
}

struct Program {
  const char *inputs, *ops, *results;
};

const Program kByRows[] = {
    {"%x: f32[6, 4], %w: f32[6, 4] = param \"w\", %b: f32[6] = param \"b\"",
     "  %a = dense %x, %w, %b\n  %c = gelu %a\n", "%c"},
    {"%x: f32[6, 4], %y: f32[6, 4]", "  %a = add %x, %y\n", "%a"},
    {"%x: f32[6, 4], %y: f32[4] = param \"y\"", "  %a = multiply %y, %x\n", "%a"},
    {"%x: f32[6, 4], %y: f32[1, 4] = param \"y\"", "  %a = multiply %y, %x\n", "%a"},
    {"%x: f32[6, 4]",
     "  %a = softmax %x {axis = 1}\n  %m = max %x {axes = [1], keepdims = true}\n"
     "  %c = subtract %a, %m\n",
     "%c"},
    {"%x: f32[6, 4]", "  %a = sum %x {axes = [1], keepdims = false}\n", "%a"},
    {"%x: f32[6, 4, 2]", "  %a = reshape %x {shape = [6, 8]}\n", "%a"},
    {"%x: f32[6, 4, 2]", "  %a = transpose %x {permutation = [0, 2, 1]}\n  %b = matmul %x, %a\n",
     "%b"},
    {"%x: f32[6, 4]", "  %a, %b = split %x {axis = 1, sizes = [1, 3]}\n", "%b, %a"},
    {"%x: f32[B, 4]", "  %a = tanh %x\n", "%a"},
};

TEST(Rows, AreFoundWhereEachIsByItself) {
  for (const Program& program : kByRows) {
    SCOPED_TRACE(program.ops);
    const Graph graph = graph_of(program.inputs, program.ops, program.results);
    const std::optional<Rows> rows = find_rows(graph.main());
    ASSERT_TRUE(rows.has_value());
    const Graph three = with_rows(graph, *rows, Dim(3));
    EXPECT_TRUE(verify(three).empty()) << print(three);
    const ValueId result = three.main().body().results.front();
    EXPECT_TRUE(identical(three.main().value(result).type.shape[0], Dim(3)));
    EXPECT_EQ(print(with_rows(three, *rows, rows->size)), print(graph));
  }
}

const Program kOtherwise[] = {
    // Along the rows.
    {"%x: f32[6, 4]", "  %a = sum %x {axes = [0], keepdims = false}\n", "%a"},
    {"%x: f32[6, 4]", "  %a = softmax %x {axis = 0}\n", "%a"},
    {"%x: f32[6, 4]", "  %a = mean %x {axes = [0], keepdims = true}\n  %b = subtract %x, %a\n",
     "%b"},
    {"%x: f32[6, 4]", "  %a = slice %x {axis = 0, begin = 0, end = 3, step = 1}\n", "%a"},
    {"%x: f32[6, 4]", "  %a = concat %x, %x {axis = 0}\n", "%a"},
    {"%x: f32[6, 6]", "  %a = transpose %x {permutation = [1, 0]}\n", "%a"},
    {"%x: f32[4, 6]", "  %a = reshape %x {shape = [6, 4]}\n", "%a"},
    // Rows beside something as long that stays.
    {"%x: f32[6, 4], %y: f32[6, 4] = param \"y\"", "  %a = add %x, %y\n", "%a"},
    {"%x: f32[6, 6], %y: f32[6]", "  %a = add %x, %y\n  %b = negative %y\n", "%a, %b"},
    // Weights that are made of rows, or by themselves; a vector.
    {"%x: f32[6, 4], %w: f32[5, 4]", "  %a = dense %w, %x\n", "%a"},
    {"%x: f32[6, 4], %w: f32[6, 4] = param \"w\"", "  %v = negative %w\n  %a = dense %x, %v\n",
     "%a"},
    {"%x: f32[4], %w: f32[6, 4] = param \"w\"", "  %a = dense %x, %w\n", "%a"},
    // Which row failed.
    {"%x: i32[6, 4]", "  %a = floor_divide %x, %x\n", "%a"},
    // A result without rows.
    {"%x: f32[6, 4], %w: f32[3] = param \"w\"", "  %a = negative %x\n", "%a, %w"},
};

TEST(Rows, AreNoneWhereOneNeedsAnother) {
  for (const Program& program : kOtherwise) {
    SCOPED_TRACE(program.ops);
    EXPECT_FALSE(find_rows(graph_of(program.inputs, program.ops, program.results).main()));
  }
}

// Arguments of as many elements may all be batches; or the first is one, and the other a weight.
TEST(Rows, AnArgumentMayBeAWeight) {
  const Graph graph = graph_of("%x: f32[6, 6], %w: f32[6, 6]", "  %a = dense %x, %w\n", "%a");
  const std::optional<Rows> rows = find_rows(graph.main());
  ASSERT_TRUE(rows.has_value());
  EXPECT_TRUE(rows->has(graph.main().body().arguments[0]));
  EXPECT_FALSE(rows->has(graph.main().body().arguments[1]));
}

TEST(Rows, UpdatesAndControlFlowHaveNone) {
  EXPECT_FALSE(find_rows(parse(R"(
func @main(%x: f32[6, 4], %n: f32[6, 4]) {
  %a = add %x, %n
  return %a update %n = %a
}
)")
                             .main()));
  EXPECT_FALSE(find_rows(parse(R"(
func @main(%x: f32[6, 4], %c: bool[]) {
  %r = cond %c, %x {
    ^(%f: f32[6, 4])
    %a = negative %f
    yield %a
  } {
    ^(%h: f32[6, 4])
    yield %h
  }
  return %r
}
)")
                             .main()));
}

}  // namespace
}  // namespace mlpjit::ir
